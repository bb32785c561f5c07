/** A dashboard's backend: many users' pages, each put together from several calls with that user's token. */
import { accounts, at, inParallel, isOver, linger, load, main, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

await main(async () => {
  const { Agent, fetch } = await load('undici');
  const dispatcher = new Agent({ connections: random.int(2, 8), pipelining: 1, allowH2: random.chance(0.4) });
  const name = random.pick([null, 'dash-backend/1.12', 'bff/2026.1']);
  const headers = name ? { 'user-agent': name } : {};
  const users = accounts.map((account) => new Visitor(fetch, account, headers, { dispatcher }));
  const width = random.int(1, Math.min(4, users.length));
  const views = random.logInt(3, 60);
  const betweenMs = random.log(100, 4000);
  let left = views;
  await inParallel(users.slice(0, random.int(1, users.length)), width, async (user) => {
    if ((await user.login()).status >= 400) return;
    for (let mine = random.int(1, 8); mine > 0 && left > 0 && !isOver(); mine--, left--) {
      await view(user);
      await linger(betweenMs);
    }
  });
  while (left-- > 0 && !isOver()) {
    const user = random.pick(users.filter((one) => one.token));
    if (user === undefined) break;
    await view(user);
    await linger(betweenMs);
  }
});

/** The parts of a page are asked for at once. */
async function view(user) {
  const parts = random.shuffle([
    user.get(at('me')),
    user.browse(`${at('orders')}?limit=10`, 'order', random.int(0, 3), 20),
    ...(random.chance(0.5) ? [user.get(`${at('products')}?limit=5`)] : []),
    ...(random.chance(0.2) ? [user.get(at('health'))] : []),
  ]);
  await Promise.all(parts);
}
