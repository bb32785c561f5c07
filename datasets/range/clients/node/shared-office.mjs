/** An office behind one address: several people with machines, names and habits of their own; some mistype. */
import { accounts, at, isOver, linger, load, main, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const NAMES = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'DeskClient/1.9.2 Electron/31.0.1',
  'DeskClient/1.8.0 Electron/29.3.0',
  'office-addin/4.0',
  'node',
];

await main(async () => {
  const { Agent, fetch } = await load('undici');
  const people = random.shuffle(accounts).slice(0, random.int(2, Math.max(2, accounts.length)));
  const pace = random.log(800, 5000);
  await Promise.all(people.map((account) => work(fetch, new Agent({ allowH2: random.chance(0.5) }), account, pace)));
});

async function work(fetch, dispatcher, account, pace) {
  const user = new Visitor(fetch, account, { 'user-agent': random.pick(NAMES) }, { dispatcher });
  await linger(pace * random.real(0.2, 4));
  if (random.chance(0.25)) await user.login(`${user.password.slice(0, -1)}x`).then(() => linger(pace));
  if ((await user.login()).status >= 400) return;
  const betweenMs = pace * random.log(0.5, 2);
  for (let rounds = random.logInt(1, 12); rounds > 0 && !isOver(); rounds--) {
    const list = random.pick(['orders', 'orders', 'products']);
    const data = await user.browse(`${at(list)}?limit=20`, list.slice(0, -1), random.int(0, 4), betweenMs / 2);
    if (list === 'orders' && random.chance(0.2) && data?.items?.length)
      await user.call('PATCH', at('order', random.pick(data.items).id), { note: 'checked' });
    await linger(betweenMs);
  }
}
