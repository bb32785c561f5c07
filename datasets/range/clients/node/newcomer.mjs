/** Someone new: signs up, gets the code by telephone, looks around, perhaps buys; slips and refusals included. */
import { accounts, at, form, isOver, linger, main, random } from './seat.mjs';
import { Visitor } from './visitor.mjs';

const OWN_CARD = process.env.RANGE_CARD ?? '4111111111111111';
const APPS = ['ShopApp/5.2.0 (Android 14; Pixel 7)', 'ShopApp/5.1.3 (iPhone; iOS 17.4; Scale/3.00)', 'shop-lite/2.0', null];

await main(async () => {
  const name = random.pick(APPS);
  const headers = { accept: 'application/json', ...(name ? { 'user-agent': name } : {}) };
  const betweenMs = random.log(800, 5000);
  const user = form === 'signup' ? await signUp(headers, betweenMs) : new Visitor(fetch, accounts[0], headers);
  if (form !== 'signup' || !isOver()) await user.login();
  for (let looks = random.logInt(1, 8); looks > 0 && !isOver(); looks--) {
    const list = random.pick(['products', 'products', 'orders']);
    await user.browse(`${at(list)}?limit=20`, list.slice(0, -1), random.int(0, 3), betweenMs / 2);
    await linger(betweenMs);
  }
  if (form === 'buy' || random.chance(0.4)) await buy(user, betweenMs);
});

async function signUp(headers, betweenMs) {
  const email = `${random.pick(['anna', 'jo', 'sam', 'li', 'marta', 'tom'])}.${random.hex(5)}@mail.example`;
  const user = new Visitor(fetch, [email, `Pw-${random.hex(8)}!`], headers);
  const phone = process.env.RANGE_PHONE ?? '';
  if (random.chance(0.25)) await user.call('POST', at('signup'), { email: 'not an address', password: 'x', name: '' });
  if (random.chance(0.15)) await user.call('POST', at('signup'), { email: accounts[0][0], password: user.password, name: 'Me' });
  await linger(betweenMs);
  await user.call('POST', at('signup'), { email, password: user.password, name: 'New One' });
  if (random.chance(0.6)) {
    for (let codes = random.int(1, 2); codes > 0; codes--) {
      await user.call('POST', at('otpSend'), { phone });
      await linger(betweenMs * 2);
    }
    const slip = random.chance(0.25);
    if (slip) await user.call('POST', at('otpVerify'), { phone, code: String(random.int(100_000, 999_999)) });
    if (slip) await linger(betweenMs);
    await user.call('POST', at('otpVerify'), { phone, code: process.env.RANGE_OTP ?? '' });
  }
  return user;
}

async function buy(user, betweenMs) {
  const { data: cart } = await user.call('POST', at('cart'), {});
  if (!cart?.id) return;
  const { data: list } = await user.get(`${at('products')}?limit=20`);
  for (const product of random.shuffle(list?.items ?? []).slice(0, random.int(1, 3))) {
    await user.call('POST', at('cartItems', cart.id), { productId: product.id, qty: random.int(1, 2) });
    await linger(betweenMs);
  }
  for (let codes = random.chance(0.3) ? random.int(1, 3) : 0; codes > 0; codes--) {
    await user.call('POST', at('coupon', cart.id), {
      code: random.pick(['WELCOME10', 'SPRING', process.env.RANGE_COUPON ?? 'FREESHIP']),
    });
    await linger(betweenMs);
  }
  for (let tries = 3; tries > 0 && !isOver(); tries--) {
    const isSlip = random.chance(0.25);
    const card = isSlip ? OWN_CARD.replace(/.$/, (digit) => String((Number(digit) + 1) % 10)) : OWN_CARD;
    const paid = await user.call('POST', at('payments'), { card, expiry: '11/28', cvc: '123', amount: 4200, cartId: cart.id });
    await linger(betweenMs);
    if (paid.status < 300) break;
  }
  await user.call('POST', at('checkout', cart.id), {});
}
