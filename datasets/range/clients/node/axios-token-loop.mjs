/**
 * A front end whose axios interceptor renews the token and sends again, and never ends. Forms: `clock` renews before each call, `retry`
 * sends the old token again after each renewal, `dead` has a refresh token that is gone, `tabs` has several tabs that use up each other's.
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { accounts, at, form, inParallel, isOver, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { default: axios } = await load('axios');
  const ca = process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined;
  const httpsAgent = new https.Agent({ keepAlive: true, ca });
  const name = random.pick([
    null,
    null,
    'ShopFront/3.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0',
  ]);
  const plain = axios.create({ baseURL: url, httpsAgent, timeout: 10_000, headers: name ? { 'User-Agent': name } : {} });
  const [email, password] = accounts[0];
  const signed = form === 'dead' ? null : (await plain.post(at('login'), { email, password }).catch(() => null))?.data;
  const held = { token: signed?.token ?? random.hex(40), refresh: signed?.refresh ?? random.hex(40) };
  const oldToken = random.hex(40);
  const renew = async () => {
    spend();
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: held.refresh });
    const { data } = await plain.post(at('token'), body);
    Object.assign(held, { token: data.access_token, refresh: data.refresh_token ?? held.refresh });
  };
  const api = loopingClient(axios, plain.defaults, held, form === 'retry' ? oldToken : null, renew);
  const tabs = form === 'tabs' ? random.int(2, 5) : 1;
  const betweenMs = random.log(80, 4000);
  await inParallel(
    Array.from({ length: random.logInt(8, 250) }, (_, n) => n),
    tabs,
    async () => {
      spend();
      await api.get(random.pick([at('me'), `${at('orders')}?limit=20`])).catch(() => null);
      await linger(betweenMs);
    },
  );
});

function loopingClient(axios, defaults, held, stuckToken, renew) {
  const api = axios.create(defaults);
  api.interceptors.request.use(async (config) => {
    if (form === 'clock' && !isOver()) await renew().catch(() => null);
    config.headers.set('Authorization', `Bearer ${stuckToken ?? held.token}`);
    return config;
  });
  api.interceptors.response.use(null, async (error) => {
    const { response, config } = error;
    config.tries = (config.tries ?? 0) + 1;
    if (response?.status !== 401 || config.tries > 3 || isOver()) throw error;
    await renew();
    return await api.request(config);
  });
  return api;
}
