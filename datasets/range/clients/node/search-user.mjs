/** Someone who searches: a suggestion for each letter or two, quicker than the API likes, and then a look at what was found. */
import { accounts, at, isOver, leftMs, linger, main, pause, random, retryAfterMs } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const WANTED = [
  'oak desk',
  'travel mug',
  "o'brien",
  'union jack towel',
  'select garden chair',
  'drum & kite',
  'lamp 50%',
  'large tent',
  'soft scarf',
];
const APPS = ['ShopApp/5.2.0 (Android 14; Pixel 7)', 'ShopApp/5.1.3 (iPhone; iOS 17.4; Scale/3.00)', null];

await main(async () => {
  const name = random.pick(APPS);
  const user = new Visitor(fetch, accounts[0], { accept: 'application/json', ...(name ? { 'user-agent': name } : {}) });
  if (random.chance(0.4)) await user.login();
  const letterMs = random.log(90, 450);
  const lookMs = random.log(700, 5000);
  for (let searches = random.logInt(2, 25); searches > 0 && !isOver(); searches--) {
    const found = await type(user, random.pick(WANTED), letterMs);
    for (const { id } of random.shuffle(found).slice(0, random.int(0, 3))) {
      await linger(lookMs / 2);
      await user.get(at('product', id));
    }
    await linger(lookMs);
  }
});

/** Returns what the whole word found; a refusal on the way is passed over, as the next letter asks again. */
async function type(user, text, letterMs) {
  const step = random.pick([1, 1, 2]);
  for (let n = random.int(1, 3); n < text.length && leftMs() > 0; n += step) {
    const { status, headers } = await user.once('GET', pathOf(text.slice(0, n)));
    if (status === 429 && random.chance(0.5)) await pause(retryAfterMs(headers.get('retry-after')));
    await linger(letterMs);
  }
  const { data } = await user.get(pathOf(text));
  return data?.items ?? [];
}

function pathOf(text) {
  return `${at('search')}?q=${encodeURIComponent(text)}&limit=8`;
}
