/** A help desk's plugin and the people on it, over superagent: a queue of cases, each read, answered with a macro or own words, closed. */
import { accounts, at, isOver, key, linger, load, main, pause, random, retryAfterMs, spend, url } from './seat.mjs';

const MACROS = [
  'Thank you for writing to us. Your order has been sent.',
  'We have passed this on to our warehouse.',
  'Your refund is on its way.',
];

await main(async () => {
  const { default: superagent } = await load('superagent');
  const name = random.pick([
    null,
    'DeskPlugin/2.8',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36',
  ]);
  const [email, password] = accounts[0];
  const signed = random.chance(0.5)
    ? (
        await superagent
          .post(url + at('login'))
          .send({ email, password })
          .ok(() => true)
      ).body
    : null;
  const call = async (method, path, body) => {
    for (let tries = 0; tries < 3 && !isOver(); tries++) {
      spend();
      const request = superagent(method, url + path)
        .ok(() => true)
        .set('accept', 'application/json');
      if (name) request.set('user-agent', name);
      if (signed?.token) request.set('authorization', `Bearer ${signed.token}`);
      else request.set('x-api-key', key);
      const answer = await request.send(body);
      if (answer.status !== 429 && answer.status !== 503) return answer;
      await pause(retryAfterMs(answer.headers['retry-after']));
    }
    return { status: 0, body: {} };
  };
  await workQueue(call, random.log(500, 6000));
});

async function workQueue(call, betweenMs) {
  const macro = random.pick(MACROS);
  for (let pages = random.int(1, 8); pages > 0 && !isOver(); pages--) {
    const { body } = await call('GET', `${at('orders')}?limit=${random.pick([20, 50])}`);
    for (const { id } of random.shuffle(body?.items ?? []).slice(0, random.int(2, 20))) {
      if (isOver()) return;
      await call('GET', at('order', id));
      await linger(betweenMs);
      const note = random.chance(0.6)
        ? macro
        : `${random.pick(['Called', 'Wrote to', 'Waiting for'])} customer ${random.pick(['about size', 'about delivery', 'again'])}`;
      const answer = await call('PATCH', at('order', id), { note, status: random.pick(['open', 'closed', 'waiting']) });
      if (answer.status === 401) return;
      if (random.chance(0.15)) await call('PATCH', at('order', id), { note: `${note} (corrected)` });
      await linger(betweenMs);
    }
  }
}
