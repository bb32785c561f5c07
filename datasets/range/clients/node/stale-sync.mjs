/** A shop's warehouse whose database is old: many of the orders and customers it asks for are gone by now. */
import { existsSync, readFileSync } from 'node:fs';
import { at, inParallel, isOver, key, linger, load, main, pause, random, retryAfterMs, url } from './seat.mjs';

await main(async () => {
  const { Agent, request } = await load('undici');
  const dispatcher = new Agent({ connections: 4 });
  const name = random.pick([null, 'warehouse-sync/1.1', 'ErpBridge 2019']);
  const headers = { 'x-api-key': key, accept: 'application/json', ...(name ? { 'user-agent': name } : {}) };
  const send = async (method, path, body) => {
    const content = body
      ? { body: JSON.stringify(body), headers: { ...headers, 'content-type': 'application/json' } }
      : { headers };
    const answer = await request(url + path, { method, dispatcher, ...content });
    const text = await answer.body.text();
    return { status: answer.statusCode, headers: answer.headers, text };
  };
  const item = random.pick(['order', 'order', 'customer']);
  const wanted = await oldIds(send, item, random.logInt(10, 400), random.real(0.25, 0.65));
  const width = random.pick([1, 1, 2, 4]);
  const betweenMs = random.log(10, 900);
  const writeShare = random.chance(0.4) ? random.real(0.05, 0.5) : 0;
  await inParallel(wanted, width, async (id) => {
    await bring(send, at(item, id), writeShare);
    await linger(betweenMs);
  });
});

async function bring(send, path, writeShare) {
  const isWrite = random.chance(writeShare);
  for (let tries = 0; tries < 3 && !isOver(); tries++) {
    const answer = isWrite ? await send('PATCH', path, { note: `stock ${random.int(0, 99)}` }) : await send('GET', path);
    if (answer.status !== 429 && answer.status !== 503) return;
    await pause(retryAfterMs(answer.headers['retry-after']));
  }
}

/** Ids as the old database has them, in its order: a stretch or a sample, of which a share is gone. */
async function oldIds(send, item, count, gone) {
  const known = await knownIds(send, item, count);
  const first = random.int(0, Math.max(0, known.length - count));
  const sample = random.chance(0.5) ? known.slice(first, first + count) : random.shuffle(known).slice(0, count);
  const isNumber = sample.every((id) => /^\d+$/.test(id));
  const old = sample.map((id) => (random.chance(gone) ? (isNumber ? goneNumber(id, known) : random.uuid()) : id));
  return random.chance(0.6) && isNumber ? old.sort((a, b) => Number(a) - Number(b)) : old;
}

function goneNumber(id, known) {
  const isKnown = new Set(known);
  for (let near = Number(id) + 1; near < Number(id) + 40; near++) if (!isKnown.has(String(near))) return String(near);
  return String(Number(id) + 3_000_000);
}

async function knownIds(send, item, count) {
  const file = process.env[item === 'order' ? 'RANGE_IDS' : 'RANGE_CUSTOMER_IDS'] ?? '';
  if (existsSync(file)) return readFileSync(file, 'utf8').split('\n').filter(Boolean);
  const ids = [];
  let path = `${at(`${item}s`)}?limit=100`;
  for (let page = 0; page < 4 && path && ids.length < count && !isOver(); page++) {
    const answer = await send('GET', path);
    if (answer.status >= 400) break;
    const { items, next } = JSON.parse(answer.text);
    ids.push(...items.map(({ id }) => String(id)));
    path = next;
  }
  return ids;
}
