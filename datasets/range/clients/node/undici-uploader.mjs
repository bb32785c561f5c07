/** Sends files as multipart or as they are, and fetches some of them again, whole or in ranges. */
import { accounts, at, isOver, key, linger, load, main, pause, random, retryAfterMs, spend, url } from './seat.mjs';
import { Visitor } from './visitor.mjs';

await main(async () => {
  const { Agent, FormData, fetch } = await load('undici');
  const dispatcher = new Agent({ connections: 2, allowH2: random.chance(0.4) });
  const name = random.pick([null, 'photo-backup/4.4 (Android 14)', 'scan-uploader/2.0', 'DocDrop/1.1']);
  const headers = name ? { 'user-agent': name } : {};
  const user = new Visitor(fetch, accounts[0], headers, { dispatcher });
  if (random.chance(0.6)) {
    if ((await user.login()).status >= 400) return;
  } else user.token = key;
  const send = async (method, path, body, extra = {}) => {
    spend();
    const all = { ...headers, authorization: `Bearer ${user.token}`, ...extra };
    return await fetch(url + path, { method, dispatcher, headers: all, ...(body ? { body } : {}) });
  };
  const bytes = random.logInt(2000, 110_000);
  const isMultipart = random.chance(0.6);
  const betweenMs = random.log(30, 2500);
  for (let left = random.logInt(2, 90); left > 0 && !isOver(); left--) {
    const content = contentOf(FormData, isMultipart, Math.max(100, Math.round(bytes * random.log(0.3, 2))));
    const id = await upload(send, user, content);
    if (id !== null && random.chance(0.3)) await download(send, id);
    await linger(betweenMs);
  }
});

function contentOf(FormData, isMultipart, size) {
  const data = Buffer.alloc(size, random.hex(32));
  if (!isMultipart) return { body: data, headers: { 'content-type': 'application/octet-stream' } };
  const body = new FormData();
  body.set('file', new Blob([data], { type: 'image/jpeg' }), `IMG_${random.int(1000, 9999)}.jpg`);
  body.set('album', 'inbox');
  return { body, headers: {} };
}

async function upload(send, user, { body, headers }) {
  for (let tries = 0; tries < 3 && !isOver(); tries++) {
    const answer = await send('POST', at('files'), body, headers);
    const text = await answer.text();
    if (answer.status < 300) return JSON.parse(text).id ?? null;
    if (answer.status === 401 && user.refresh) await user.renew();
    else if (answer.status === 429 || answer.status === 503) await pause(retryAfterMs(answer.headers.get('retry-after')));
    else return null;
  }
  return null;
}

async function download(send, id) {
  if (random.chance(0.5)) {
    await send('GET', at('file', id)).then((answer) => answer.arrayBuffer());
    return;
  }
  const step = random.pick([8192, 16_384, 65_536]);
  for (let from = 0, total = 1; from < total && !isOver(); from += step) {
    const answer = await send('GET', at('file', id), undefined, { range: `bytes=${from}-${from + step - 1}` });
    await answer.arrayBuffer();
    if (answer.status !== 206) return;
    total = Number(answer.headers.get('content-range')?.split('/')[1] ?? 0);
  }
}
