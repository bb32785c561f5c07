/** A CRM connector: reads what changed since its last run with a key, page by page, and writes some of it back. */
import { Agent } from 'node:https';
import { at, dayBefore, inParallel, isOver, key, load, main, pause, random, retryAfterMs, spend, url } from './seat.mjs';

await main(async () => {
  const { default: axios } = await load('axios');
  const client = connect(axios);
  const sets = random.chance(0.5)
    ? [['customers', 'customer']]
    : [
        ['orders', 'order'],
        ['customers', 'customer'],
      ];
  const width = random.pick([1, 1, 2, 4]);
  const pages = random.logInt(1, 25);
  const itemShare = random.chance(0.3) ? 0 : random.real(0.05, 0.9);
  const writeShare = random.chance(0.4) ? 0 : random.real(0.02, 0.5);
  const betweenMs = random.log(20, 1500);
  let since = dayBefore(random.log(0.5, 30));
  for (let run = random.logInt(1, 6); run > 0 && !isOver(); run--) {
    for (const [list, item] of sets) await sync(client, { list, item, since, pages, width, itemShare, writeShare, betweenMs });
    since = dayBefore(0.01 * run);
    await pause(random.log(2000, 15_000));
  }
});

function connect(axios) {
  const name = random.pick([
    null,
    null,
    'AcmeCRM-Connector/2.3',
    'hubsync/0.9.14 (+https://hubsync.example/bot)',
    'crm-bridge/1.4.0 node',
  ]);
  const byHeader = random.chance(0.5) ? { 'X-Api-Key': key } : { Authorization: `Bearer ${key}` };
  const client = axios.create({
    baseURL: url,
    timeout: 20_000,
    headers: { ...byHeader, ...(name ? { 'User-Agent': name } : {}) },
    ...(random.chance(0.7) ? { httpsAgent: new Agent({ keepAlive: true, maxSockets: 6 }) } : {}),
  });
  client.interceptors.request.use((config) => {
    spend();
    return config;
  });
  client.interceptors.response.use(undefined, async (error) => {
    const { config, response } = error;
    const tries = (config.tries ?? 0) + 1;
    const mayPass = response === undefined || response.status === 429 || response.status >= 500;
    if (!mayPass || tries > 4 || isOver()) throw error;
    await pause(retryAfterMs(response?.headers['retry-after'], 500 * 2 ** tries));
    return await client.request({ ...config, tries });
  });
  return client;
}

async function sync(client, { list, item, since, pages, width, itemShare, writeShare, betweenMs }) {
  let path = at(list);
  let params = { updated_since: since, limit: random.pick([20, 50, 100]) };
  for (let page = 0; page < pages && path && !isOver(); page++) {
    const { data } = await client.get(path, { params });
    const wanted = data.items.filter(() => random.chance(itemShare));
    await inParallel(wanted, width, (entry) => bring(client, at(item, entry.id), writeShare));
    path = data.next;
    params = {};
    await pause(betweenMs);
  }
}

/** One record that is gone does not end the run. */
async function bring(client, path, writeShare) {
  try {
    const { data, headers } = await client.get(path);
    if (!random.chance(writeShare)) return;
    const match = headers.etag && random.chance(0.3) ? { 'If-Match': headers.etag } : {};
    await client.patch(path, { note: `synced ${data.id}`, externalId: `crm-${random.hex(8)}` }, { headers: match });
  } catch (error) {
    if (error.response?.status === undefined || error.response.status >= 500) throw error;
  }
}
