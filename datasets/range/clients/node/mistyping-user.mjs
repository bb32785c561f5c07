/** Someone who mistypes the password, or does not know which one it was, and then uses the app as usual. */
import { accounts, at, isOver, leftMs, linger, main, pause, random, retryAfterMs } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const APPS = [
  'ShopApp/5.2.0 (Android 14; Pixel 7)',
  'ShopApp/5.1.3 (iPhone; iOS 17.4; Scale/3.00)',
  'Mozilla/5.0 (Linux; Android 13; SM-A536B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36',
  null,
];

await main(async () => {
  const name = random.pick(APPS);
  const user = new Visitor(fetch, accounts[0], { accept: 'application/json', ...(name ? { 'user-agent': name } : {}) });
  const typingMs = random.log(1500, 7000);
  if (random.chance(0.3)) await user.get('/');
  await signIn(user, typingMs);
  if (!user.token) return;
  await use(user, random.logInt(1, 14), random.log(400, 6000));
});

async function signIn(user, typingMs) {
  for (let wrong = random.int(1, 3); wrong > 0 && !isOver(); wrong--) {
    const { status, headers } = await user.login(misspell(user.password));
    if (status === 429 || status === 423) await pause(retryAfterMs(headers.get('retry-after'), 4000));
    await linger(typingMs);
  }
  if (random.chance(0.15)) {
    await user.call('POST', at('reset'), { email: user.email });
    await linger(typingMs);
  }
  if (leftMs() > 0 && !random.chance(0.08)) await user.login();
}

function misspell(text) {
  const i = random.int(0, Math.max(0, text.length - 2));
  return random.pick([
    text.slice(0, -1),
    text.toUpperCase(),
    `${text}1`,
    text.slice(0, i) + text[i + 1] + text[i] + text.slice(i + 2),
    text.replace(/.$/, 'q'),
    'Summer2024!',
  ]);
}

async function use(user, rounds, betweenMs) {
  await user.get(at('me'));
  for (; rounds > 0 && !isOver(); rounds--) {
    await linger(betweenMs);
    const what = random.pick(['orders', 'orders', 'products', 'search']);
    if (what === 'orders') await user.browse(`${at('orders')}?limit=20`, 'order', random.int(0, 3), betweenMs / 2);
    else if (what === 'products') await user.browse(`${at('products')}?limit=20`, 'product', random.int(0, 4), betweenMs / 2);
    else
      await user.get(
        `${at('search')}?q=${encodeURIComponent(random.pick(['lamp', 'blue mug', 'oak table', "o'neill", 'a4 paper']))}`,
      );
  }
}
