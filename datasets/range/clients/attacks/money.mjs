/** Attacks on the till: cards, gift cards, coupons, stock that is held and never bought. */
import { at, leftMs, pause, random } from '../node/seat.mjs';

const CODE = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const WORDS = 'SAVE SALE SPRING SUMMER WINTER WELCOME FRIEND VIP BLACK HAPPY FREE EXTRA TAKE THANKS FIRST NEW SHIP'.split(' ');

function drawCode(length) {
  return Array.from({ length }, () => random.pick(CODE)).join('');
}

function luhnDigit(body) {
  const sum = [...body].reverse().reduce((total, char, i) => {
    const digit = Number(char) * (i % 2 === 0 ? 2 : 1);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return (10 - (sum % 10)) % 10;
}

/** Invented numbers that pass the check, of one issuer or of several. */
function* cards() {
  const issuers = Array.from(
    { length: random.pick([1, 1, 1, 4]) },
    () => `${random.pick([4, 51, 52, 54])}${random.int(10_000, 99_999)}`,
  );
  for (;;) {
    const issuer = random.pick(issuers);
    const body = `${issuer}${Array.from({ length: 15 - issuer.length }, () => random.int(0, 9)).join('')}`;
    const expiry = `${String(random.int(1, 12)).padStart(2, '0')}/${random.int(26, 31)}`;
    yield { card: `${body}${luhnDigit(body)}`, expiry, cvc: String(random.int(100, 999)) };
  }
}

/** Pays small sums with card after card, directly or for something in a cart. */
export async function cardTesting(actor) {
  await actor.arrive();
  await actor.enter(random.pick(['account', null, null]));
  const withCart = random.chance(0.5);
  const perCart = random.int(3, 15);
  let cart = { id: undefined, left: 0 };
  await actor.each(cards(), async (card) => {
    if (withCart && cart.left <= 0) cart = { id: await fillCart(actor, 1, 1), left: perCart };
    cart.left--;
    const { id } = cart;
    const { status } = await actor.post(at('payments'), { ...card, amount: random.int(1, 5), ...(id ? { cartId: id } : {}) });
    if (status === 201 && id && random.chance(0.3)) {
      await actor.post(at('checkout', id), {});
      cart.left = 0;
    }
  });
}

/** @returns the id of a new cart with `lines` things in it; undefined where that failed */
async function fillCart(actor, lines, qty) {
  if (actor.shown.products.length === 0) await actor.list('products', 50);
  const { data } = await actor.post(at('cart'), {});
  if (!data?.id) return undefined;
  for (const productId of random.shuffle(actor.shown.products).slice(0, lines)) {
    if (actor.isDone()) break;
    await actor.post(at('cartItems', data.id), { productId, qty });
  }
  return data.id;
}

function* giftCodes() {
  const isNear = random.chance(0.4);
  const stem = drawCode(random.int(6, 8));
  for (;;) yield isNear ? `${stem}${drawCode(10 - stem.length)}` : drawCode(10);
}

/** Asks for the balance of gift cards that may exist. */
export async function giftcardGuessing(actor) {
  await actor.arrive();
  await actor.enter(random.pick(['account', null, null]));
  await actor.each(giftCodes(), async (code) => {
    await actor.get(at('giftcard', code));
  });
}

function* couponCodes() {
  const isWords = random.chance(0.6);
  for (;;) yield isWords ? `${random.pick(WORDS)}${random.pick([5, 10, 15, 20, 25, 30, 50, 2025, 2026])}` : drawCode(6);
}

/** Tries code after code at a cart; a new cart now and then. */
export async function couponGuessing(actor) {
  await actor.arrive();
  await actor.enter(random.pick(['account', null]));
  const perCart = random.log(8, 300);
  let cart = { id: undefined, left: 0 };
  await actor.each(couponCodes(), async (code) => {
    if (cart.left <= 0 || !cart.id) cart = { id: await fillCart(actor, random.int(0, 2), 1), left: perCart };
    if (!cart.id) return;
    cart.left--;
    await actor.post(at('coupon', cart.id), { code });
  });
}

/** Fills carts and never buys; holds them for a while, lets go and takes the same again. */
export async function inventoryHolding(actor) {
  await actor.arrive();
  await actor.enter(random.pick(['account', null]));
  await actor.list('products', random.pick([20, 50, 100]));
  const wanted = random.shuffle(actor.shown.products).slice(0, random.int(1, 12));
  const [carts, qty, isFreed] = [random.int(2, 12), random.int(1, 20), random.chance(0.5)];
  const holdMs = Math.min(leftMs() / 4, random.log(4000, 30_000));
  while (!actor.isDone() && wanted.length > 0) {
    const held = [];
    await actor.each(Array.from({ length: carts }), async () => {
      const id = await holdCart(actor, wanted, qty);
      if (id) held.push(id);
    });
    await pause(holdMs * random.real(0.7, 1.3));
    if (isFreed) await actor.each(held, async (id) => void (await actor.call('DELETE', `${at('cart')}/${id}`)));
  }
}

async function holdCart(actor, wanted, qty) {
  const { data } = await actor.post(at('cart'), {});
  if (!data?.id) return null;
  for (const productId of wanted) {
    if (actor.isDone()) break;
    const { status } = await actor.post(at('cartItems', data.id), { productId, qty });
    // Takes what is left, bit by bit.
    if (status === 409 && qty > 1) await actor.post(at('cartItems', data.id), { productId, qty: 1 });
  }
  return data.id;
}
