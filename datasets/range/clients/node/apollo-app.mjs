/** An app on Apollo Client: lists, one of their things, a search; its cache answers what it has seen. */
import { accounts, at, isOver, linger, load, main, random, spend, url } from './seat.mjs';
import { Visitor } from './visitor.mjs';

await main(async () => {
  const apollo = await load('@apollo/client/core').catch(() => load('@apollo/client'));
  const { ApolloClient, HttpLink, InMemoryCache, gql } = apollo.default ?? apollo;
  const user = new Visitor(fetch, accounts[0], { accept: 'application/json' });
  if (random.chance(0.8)) await user.login();
  const headers = () => ({
    'apollographql-client-name': 'web',
    ...(user.token ? { authorization: `Bearer ${user.token}` } : {}),
  });
  const fetcher = async (target, options) => {
    spend();
    const send = () => fetch(target, { ...options, headers: { ...options.headers, ...headers() } });
    const answer = await send();
    return answer.status === 401 && user.refresh && (await user.renew()) ? await send() : answer;
  };
  const client = new ApolloClient({
    link: new HttpLink({ uri: url + at('graphql'), fetch: fetcher }),
    cache: new InMemoryCache(),
  });
  const fetchPolicy =
    random.pick(['cache-first', 'network-only', 'cache-and-network']) === 'cache-first' ? 'cache-first' : 'network-only';
  const ask = async (query, variables) => (await client.query({ query, variables, fetchPolicy }).catch(() => null))?.data ?? null;
  const LIST = gql`query Products($first: Int, $after: String) { products(first: $first, after: $after) { nodes { id name price } } }`;
  const ONE = gql`query Product($id: ID!) { product(id: $id) { id name price description } }`;
  const ME = gql`query Me { me { id email } }`;
  const betweenMs = random.log(400, 5000);
  for (let rounds = random.logInt(3, 40), shown = 0; rounds > 0 && !isOver(); rounds--) {
    const data = await ask(LIST, { first: 20, after: String(shown) });
    shown += random.pick([0, 20]);
    for (const { id } of random.shuffle([...(data?.products?.nodes ?? [])]).slice(0, random.int(0, 4))) {
      await linger(betweenMs);
      await ask(ONE, { id });
    }
    if (random.chance(0.2)) await ask(ME, {});
    await linger(betweenMs);
  }
});
