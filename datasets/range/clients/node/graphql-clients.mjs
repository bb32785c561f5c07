/** An app that speaks GraphQL by graphql-request or urql, as the form says: queries with variables, some with their hash. */
import { createHash } from 'node:crypto';
import { accounts, at, form, isOver, key, linger, load, main, random, url } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const QUERIES = {
  me: 'query Me { me { id email name } }',
  orders:
    'query Orders($first: Int, $after: String) { orders(first: $first, after: $after) { nodes { id status total } totalCount } }',
  order: 'query Order($id: ID!) { order(id: $id) { id status total currency updatedAt customer { name city } } }',
  products: 'query Products($first: Int, $after: String) { products(first: $first, after: $after) { nodes { id name price } } }',
  product: 'query Product($id: ID!) { product(id: $id) { id name price description inStock } }',
  search: 'query Search($q: String!) { search(q: $q, first: 5) { nodes { id name } } }',
};

await main(async () => {
  const name = random.pick([null, 'shop-graph/2.2', 'MobileGraph/9.1 (Android)', 'storefront-ssr/0.3']);
  const headers = { ...(name ? { 'user-agent': name } : {}) };
  const user = new Visitor(fetch, accounts[0], headers);
  const speaksForUser = random.chance(0.6);
  if (speaksForUser && (await user.login()).status >= 400) return;
  const authorise = () => ({ ...headers, authorization: `Bearer ${speaksForUser ? user.token : key}` });
  const send = form === 'urql' ? await byUrql(authorise) : await byGraphqlRequest(authorise);
  const betweenMs = random.log(80, 5000);
  const views = random.logInt(3, 120);
  for (let left = views; left > 0 && !isOver(); left--) {
    await view(async (what, variables) => await ask(send, user, speaksForUser, what, variables), speaksForUser);
    await linger(betweenMs);
  }
});

async function view(send, speaksForUser) {
  const what = random.pick(['orders', 'products']);
  const data = await send(what, { first: random.pick([10, 20]), after: null });
  for (const { id } of random.shuffle(data?.[what]?.nodes ?? []).slice(0, random.int(0, 4)))
    await send(what.slice(0, -1), { id });
  if (speaksForUser && random.chance(0.15)) await send('me', {});
  if (random.chance(0.1)) await send('search', { q: random.pick(['lamp', 'red mug', 'oak']) });
}

async function ask(send, user, speaksForUser, what, variables) {
  for (let tries = 0; tries < 2 && !isOver(); tries++) {
    const { status, data } = await send(QUERIES[what], variables);
    if (status === 401 && speaksForUser) await user.renew();
    else if (status === 429 || status === 503) await linger(1500);
    else return data;
  }
  return null;
}

async function byGraphqlRequest(authorise) {
  const { GraphQLClient } = await load('graphql-request');
  const client = new GraphQLClient(url + at('graphql'), { headers: authorise });
  return async (query, variables) => {
    try {
      return { status: 200, data: await client.request(query, variables) };
    } catch (error) {
      const { status = 0, data = null, errors } = error.response ?? {};
      return { status: isRefused(errors) ? 401 : status, data };
    }
  };
}

/** urql, with the hash of the query as an extension, as persisted queries send it. */
async function byUrql(authorise) {
  const { Client, cacheExchange, fetchExchange } = await load('@urql/core');
  const isCaching = random.chance(0.4);
  const isPersisted = random.chance(0.5);
  const client = new Client({
    url: url + at('graphql'),
    exchanges: isCaching ? [cacheExchange, fetchExchange] : [fetchExchange],
    fetchOptions: () => ({ headers: authorise() }),
    preferGetMethod: false,
    requestPolicy: isCaching ? 'cache-and-network' : 'network-only',
  });
  return async (query, variables) => {
    const sha256Hash = createHash('sha256').update(query).digest('hex');
    const context = isPersisted ? { extensions: { persistedQuery: { version: 1, sha256Hash } } } : {};
    const { data, error } = await client.query(query, variables, context).toPromise();
    return { status: isRefused(error?.graphQLErrors) ? 401 : (error?.response?.status ?? 200), data: data ?? null };
  };
}

/** GraphQL says within an answer of 200 that the token is no longer good. */
function isRefused(errors) {
  return errors?.some(({ message }) => message === 'Not authorized') ?? false;
}
