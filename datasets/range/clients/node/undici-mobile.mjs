/**
 * A phone's app on a JavaScript runtime: lists, things, now and then an order; its network comes and goes. Forms: `plain`, `returning`,
 * `guest`.
 */
import { accounts, at, form, isOver, leftMs, linger, load, main, pause, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

await main(async () => {
  const { Agent, fetch: send } = await load('undici');
  const version = `${random.int(3, 6)}.${random.int(0, 20)}.0`;
  const name = random.pick([
    `Marketplace/${version} (com.marketplace.app; build:${random.int(100, 900)}; iOS 17.5.1) Alamofire/5.9.1`,
    `Marketplace/${version} CFNetwork/1496.0.7 Darwin/23.5.0`,
    `okhttp/4.12.0`,
    `MarketplaceAndroid/${version} (Pixel 6; Android 14)`,
  ]);
  const headers = {
    accept: 'application/json',
    'user-agent': name,
    'accept-language': random.pick(['de-DE', 'en-US', 'sv-SE']),
    'x-app-version': version,
  };
  const dispatcher = new Agent({ allowH2: random.chance(0.6), connections: 4 });
  const user = new Visitor(send, accounts[0], headers, { dispatcher });
  if (form !== 'guest') await user.login();
  await Promise.all([
    user.get(`${at('products')}?limit=20`),
    ...(user.token ? [user.get(at('me')), user.get(`${at('orders')}?limit=10`)] : []),
  ]);
  const betweenMs = random.log(500, 6000);
  for (let looks = random.logInt(2, 30); looks > 0 && !isOver(); looks--) {
    await linger(betweenMs);
    // Off the net for a while, and then all that waited at once.
    if (random.chance(0.06)) await pause(Math.min(leftMs(), random.real(3000, 15_000)));
    const data = await user.browse(`${at('products')}?limit=20`, 'product', random.int(0, 4), betweenMs / 3);
    if (user.token && random.chance(0.1)) await order(user, random.pick(data?.items ?? []));
    if (user.token && random.chance(0.2)) await user.browse(`${at('orders')}?limit=10`, 'order', 1, betweenMs / 3);
  }
});

async function order(user, product) {
  if (product) await user.call('POST', at('orders'), { items: [{ productId: product.id, qty: 1 }], note: '' });
}
