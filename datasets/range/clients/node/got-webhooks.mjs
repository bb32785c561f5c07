/**
 * Another company's event bus on got, whose own retry does the waiting. Forms: `steady`, `burst`, `gone` (subscriptions to hooks that
 * are no more).
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { at, form, inParallel, isOver, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { default: got } = await load('got');
  const name = random.pick(['EventBus/2.3', 'got (https://github.com/sindresorhus/got)', 'Mailwing-Webhooks/1.0']);
  const client = got.extend({
    headers: { 'user-agent': name },
    https: { certificateAuthority: process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined },
    http2: random.chance(0.3),
    timeout: { request: 8000 },
    retry: { limit: random.int(3, 6), methods: ['POST'], statusCodes: [404, 408, 429, 500, 502, 503, 504], backoffLimit: 8000 },
    throwHttpErrors: false,
    hooks: { beforeRetry: [() => spend()] },
  });
  const secret = random.hex(32);
  const live = ['events', 'mail', 'bounces'].map((one) => url + at('hooks', one));
  const dead = [`${url}/webhooks/${random.hex(6)}`, `${url}/callback/${random.hex(4)}`];
  const targets = random.shuffle(form === 'gone' ? [...live, ...dead] : live).slice(0, random.int(1, 4));
  const gapMs = random.log(200, 4000);
  for (let left = random.logInt(10, 200); left > 0 && !isOver(); ) {
    const batch = form === 'burst' ? random.logInt(2, 30) : 1;
    left -= batch;
    await inParallel(
      Array.from({ length: batch }, (_, n) => n),
      6,
      async () => await deliver(client, random.pick(targets), secret),
    );
    await linger(gapMs);
  }
});

async function deliver(client, target, secret) {
  spend();
  const body = JSON.stringify({
    id: random.uuid(),
    event: random.pick(['mail.opened', 'mail.bounced']),
    at: Date.now(),
    data: random.hex(random.logInt(20, 900)),
  });
  const signature = createHmac('sha256', secret).update(body).digest('base64');
  await client
    .post(target, { body, headers: { 'content-type': 'application/json', 'x-signature': signature } })
    .catch(() => null);
}
