/** A language model's tool calls for a signed-in user: it explores, errs, reads the error, mends it, and thinks between. */
import { accounts, at, isOver, key, linger, main, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const WORDS = [
  'summer linen towel',
  'which lamps are under 40 euros',
  'returns of order from last week',
  'quiet desk clock',
  'gift for a hiker',
  "children's kite",
];

const WRONG = ['limit=all', 'page=-1', 'sort=newest&limit=10000', 'updated_since=yesterday', 'filter[status]=open'];

await main(async () => {
  const name = random.pick([null, 'assistant-tools/0.6', 'mcp-server-fetch/1.2 (user request)', 'LangAgent/0.3']);
  const agent = new Visitor(fetch, accounts[0], name ? { 'user-agent': name } : {});
  if (random.chance(0.6)) await agent.login();
  else agent.token = key;
  const thinkingMs = random.log(700, 7000);
  if (random.chance(0.5)) await agent.get(at('openapi'));
  for (let turns = random.logInt(2, 45); turns > 0 && !isOver(); turns--) {
    await linger(thinkingMs);
    await random.pick([search, search, walk, walk, walk, guess, wrongParameter, write])(agent, thinkingMs);
  }
});

async function search(agent, thinkingMs) {
  const { data } = await agent.get(`${at('search')}?q=${encodeURIComponent(random.pick(WORDS))}&limit=5`);
  for (const found of (data?.items ?? []).slice(0, random.int(0, 3))) {
    await linger(thinkingMs / 4);
    await agent.get(at('product', found.id));
  }
}

async function walk(agent, thinkingMs) {
  const list = random.pick(['orders', 'products']);
  await agent.browse(at(list), list.slice(0, -1), random.int(0, 4), thinkingMs / 4);
}

/** A path that such an API might have; the answer 404 sends it back to the description. */
async function guess(agent, thinkingMs) {
  const base = at('orders');
  const tried = random.pick([
    `${base}/search?status=open`,
    `${base}/latest`,
    `${base}s`,
    at('order', 'last'),
    '/api/help',
    '/docs/api',
    `${at('me')}/orders`,
  ]);
  await agent.get(tried);
  await linger(thinkingMs / 2);
  if (random.chance(0.4)) await agent.get(at('openapi'));
  else await agent.get(base);
}

async function wrongParameter(agent, thinkingMs) {
  const base = at('orders');
  await agent.get(`${base}?${random.pick(WRONG)}`);
  await linger(thinkingMs / 2);
  await agent.get(`${base}?limit=10`);
}

async function write(agent, thinkingMs) {
  const { data } = await agent.get(at('orders'));
  const order = random.pick(data?.items ?? []);
  if (order === undefined) return;
  await linger(thinkingMs / 2);
  const answer = await agent.call(
    'PATCH',
    at('order', order.id),
    random.chance(0.4) ? { status: 'please cancel' } : { note: 'asked by the user' },
  );
  if (answer.status >= 400) await agent.call('PATCH', at('order', order.id), { note: 'cancel, please' });
}
