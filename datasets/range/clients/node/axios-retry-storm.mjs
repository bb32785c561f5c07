/**
 * A queue worker on axios-retry with hardly a pause between tries. Forms: `plain`, `all` (every failure is tried again), `piled` (a
 * backlog at once).
 */
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { at, form, inParallel, isOver, key, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { default: axios } = await load('axios');
  const { default: loaded } = await load('axios-retry');
  const axiosRetry = loaded.default ?? loaded;
  const ca = process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined;
  const client = axios.create({
    baseURL: url,
    httpsAgent: new https.Agent({ keepAlive: true, ca }),
    headers: { 'X-Api-Key': key },
  });
  const wrongShare = form === 'all' ? 0.2 : 0.03;
  axiosRetry(client, {
    retries: random.int(3, 12),
    retryDelay: () => random.pick([0, 20, 100, 250]),
    retryCondition: (error) => !isOver() && (form === 'all' || [429, 500, 502, 503].includes(error.response?.status)),
    onRetry: () => spend(),
  });
  const betweenMs = random.log(10, 800);
  const width = form === 'piled' ? random.int(6, 20) : random.int(1, 5);
  await inParallel(
    Array.from({ length: random.logInt(15, 200) }, (_, n) => n),
    width,
    async () => {
      spend();
      await client.request(drawTask(wrongShare)).catch(() => null);
      await linger(betweenMs);
    },
  );
});

function drawTask(wrongShare) {
  if (random.chance(wrongShare)) return { method: 'get', url: at('order', random.int(5_000_000, 6_000_000)) };
  return random.pick([
    { method: 'get', url: `${at('orders')}?limit=50` },
    { method: 'get', url: `${at('customers')}?limit=20` },
    { method: 'post', url: at('hooks', 'queue'), data: { id: random.uuid() } },
    { method: 'get', url: `${at('search')}?q=${random.pick(['lamp', 'desk', 'mug'])}` },
  ]);
}
