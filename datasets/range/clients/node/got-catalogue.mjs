/** A partner that shows the catalogue on its own site: whole at first, then only what its cache can't answer. */
import { at, inParallel, isOver, key, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { default: got } = await load('got');
  const name = random.pick([null, 'catalogue-partner/3.1', 'PreisRadar/1.8 (+https://preisradar.example)', 'feed-import/0.4']);
  const client = got.extend({
    prefixUrl: url,
    cache: new Map(),
    http2: random.chance(0.4),
    retry: { limit: 3 },
    timeout: { request: 20_000 },
    headers: { ...(name ? { 'user-agent': name } : {}), ...(random.chance(0.75) ? { 'x-api-key': key } : {}) },
  });
  const pages = random.logInt(2, 40);
  const perPage = random.chance(0.4) ? 0 : random.int(1, 12);
  const width = random.pick([1, 2, 3, 5]);
  const betweenMs = random.log(30, 1200);
  const size = random.pick([20, 50, 100]);
  for (let rounds = random.int(1, 5); rounds > 0 && !isOver(); rounds--) {
    await readAll(client, { pages, perPage, width, betweenMs, size });
    await linger(9000);
  }
});

async function readAll(client, { pages, perPage, width, betweenMs, size }) {
  let path = `${at('products')}?limit=${size}`;
  for (let page = 0; page < pages && path && !isOver(); page++) {
    const { items, next } = await client.get(path.slice(1)).json();
    const shown = items.slice(0, perPage);
    await inParallel(shown, width, (item) => readOne(client, at('product', item.id)));
    spend(1 + shown.length);
    path = next;
    await linger(betweenMs);
  }
}

async function readOne(client, path) {
  try {
    await client.get(path.slice(1)).json();
  } catch (error) {
    if (error.response?.statusCode !== 404) throw error;
  }
}
