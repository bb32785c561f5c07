/** What the range's API knows when it starts: people, orders, goods. All of it follows from shape and seed. */
import { createHash } from 'node:crypto';
import { createRandom, type Random } from '../simulator/random.ts';
import type { ApiShape, IdKind } from './shape.ts';

export interface User {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly name: string;
  readonly phone: string;
  readonly orders: string[];
}

export interface Order {
  readonly id: string;
  /** Number of its user; -1 where a guest bought. */
  readonly owner: number;
  readonly customer: string;
  status: string;
  note: string;
  readonly total: number;
  readonly lines: readonly { readonly productId: string; readonly qty: number }[];
  readonly createdAtMs: number;
  updatedAtMs: number;
}

export interface Customer {
  readonly id: string;
  name: string;
  email: string;
  phone: string;
  city: string;
  updatedAtMs: number;
}

export interface Product {
  readonly id: string;
  readonly slug: string;
  readonly name: string;
  readonly price: number;
  readonly category: string;
  readonly description: string;
  stock: number;
}

export interface World {
  readonly shape: ApiShape;
  readonly seed: number;
  readonly users: User[];
  readonly usersByEmail: Map<string, number>;
  readonly orders: Map<string, Order>;
  /** Ids in the order of lists. */
  readonly orderIds: string[];
  readonly customers: Map<string, Customer>;
  readonly customerIds: string[];
  readonly products: Map<string, Product>;
  readonly productIds: string[];
  readonly slugs: Map<string, string>;
  readonly coupons: ReadonlySet<string>;
  readonly giftcards: ReadonlyMap<string, number>;
}

const COUNTS = { users: 2000, orders: 20_000, customers: 5000, products: 3000, coupons: 12, giftcards: 300 } as const;
const DAY_MS = 86_400_000;
const FIRST =
  'ada ben cleo dan eva finn gita hugo ines jon kim lena max nora otto pia quinn rosa sam tess uma vic wanda yan zoe'.split(' ');
const LAST =
  'abbott baker castro diaz eriksen fischer garcia hansen ito jensen kowalski larsen mehta novak olsen patel quist rossi silva tanaka unger vogel weber young zhang'.split(
    ' ',
  );
const MAIL = ['mail.example', 'post.example', 'inbox.example', 'home.example'];
const CITIES = ['Oslo', 'Porto', 'Graz', 'Leeds', 'Lyon', 'Turin', 'Ghent', 'Malmo', 'Pune', 'Osaka', 'Austin', 'Quito'];
const THINGS =
  'lamp chair desk mug tent kettle scarf boots radio clock shelf basket towel kite drum pan jacket bottle rug globe'.split(' ');
const LOOKS =
  'red blue oak steel linen small large folding quiet bright soft heavy plain round garden travel winter summer'.split(' ');
export const CATEGORIES = ['kitchen', 'outdoor', 'office', 'textile', 'toys', 'audio'] as const;
const STATUSES = ['new', 'paid', 'packed', 'shipped', 'delivered', 'returned'] as const;
const CODE = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** @param nowMs when the API starts; dates lie in the 60 days before */
export function createWorld(shape: ApiShape, seed: number, nowMs: number): World {
  const random = createRandom(seed * 7919 + shape.name.length);
  const users = Array.from({ length: COUNTS.users }, (_, i) => makeUser(random, i));
  const products = Array.from(makeIds(random, shape.ids.products, COUNTS.products), (id) => makeProduct(random, id));
  const customers = Array.from(makeIds(random, shape.ids.customers, COUNTS.customers), (id) => makeCustomer(random, id, nowMs));
  const orders = Array.from(makeIds(random, shape.ids.orders, COUNTS.orders), (id) =>
    makeOrder(random, id, customers, products, nowMs),
  );
  for (const order of orders) users[order.owner]!.orders.push(order.id);
  const codes = (count: number, chars: number) => new Set(Array.from({ length: count }, () => makeCode(random, chars)));
  return {
    shape,
    seed,
    users,
    usersByEmail: new Map(users.map(({ email }, i) => [email, i])),
    orders: new Map(orders.map((order) => [order.id, order])),
    orderIds: orders.map(({ id }) => id),
    customers: new Map(customers.map((customer) => [customer.id, customer])),
    customerIds: customers.map(({ id }) => id),
    products: new Map(products.map((product) => [product.id, product])),
    productIds: products.map(({ id }) => id),
    slugs: new Map(products.map(({ slug, id }) => [slug, id])),
    coupons: codes(COUNTS.coupons, 6),
    giftcards: new Map([...codes(COUNTS.giftcards, 10)].map((code) => [code, random.int(5, 200)])),
  };
}

/** Numbers climb and leave one in five out; UUIDs say nothing of each other. */
function* makeIds(random: Random, kind: IdKind, count: number): Generator<string> {
  let next = random.int(10_000, 400_000);
  for (let i = 0; i < count; i++) {
    next++;
    while (random.chance(0.2)) next++;
    yield kind === 'uuid' ? random.uuid() : String(next);
  }
}

function makeUser(random: Random, i: number): User {
  const [first, last] = [random.pick(FIRST), random.pick(LAST)];
  return {
    id: random.uuid(),
    email: `${first}.${last}${i}@${random.pick(MAIL)}`,
    password: `${random.pick(THINGS)}-${random.hex(8)}`,
    name: `${capital(first)} ${capital(last)}`,
    phone: `+4790${String(100_000 + i)}`,
    orders: [],
  };
}

function makeProduct(random: Random, id: string): Product {
  const name = `${random.pick(LOOKS)} ${random.pick(LOOKS)} ${random.pick(THINGS)}`;
  return {
    id,
    slug: `${name.replaceAll(' ', '-')}-${id.slice(0, 8)}`,
    name,
    price: random.int(100, 40_000) / 100,
    category: random.pick(CATEGORIES),
    description: `${capital(name)}, ${random.pick(LOOKS)} and ${random.pick(LOOKS)}; `.repeat(random.int(1, 6)),
    stock: random.int(3, 60),
  };
}

function makeCustomer(random: Random, id: string, nowMs: number): Customer {
  const [first, last] = [random.pick(FIRST), random.pick(LAST)];
  return {
    id,
    name: `${capital(first)} ${capital(last)}`,
    email: `${first}.${last}.${id.slice(0, 6)}@${random.pick(MAIL)}`,
    phone: `+4791${random.int(100_000, 999_999)}`,
    city: random.pick(CITIES),
    updatedAtMs: nowMs - random.int(0, 60 * DAY_MS),
  };
}

function makeOrder(random: Random, id: string, customers: Customer[], products: Product[], nowMs: number): Order {
  const createdAtMs = nowMs - random.int(0, 60 * DAY_MS);
  const lines = Array.from({ length: random.int(1, 4) }, () => ({ product: random.pick(products), qty: random.int(1, 3) }));
  return {
    id,
    owner: random.int(0, COUNTS.users - 1),
    customer: random.pick(customers).id,
    status: random.pick(STATUSES),
    note: '',
    total: Math.round(lines.reduce((sum, { product, qty }) => sum + product.price * qty, 0) * 100) / 100,
    lines: lines.map(({ product, qty }) => ({ productId: product.id, qty })),
    createdAtMs,
    updatedAtMs: random.int(createdAtMs, nowMs),
  };
}

export function makeCode(random: Random, chars: number): string {
  return Array.from({ length: chars }, () => CODE[random.int(0, CODE.length - 1)]!).join('');
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/** Keys, secrets and cards that a client of the range is handed; the API and the range derive them alike. */
export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly phone: string;
  readonly apiKey: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly card: string;
  readonly coupon: string;
  readonly giftcard: string;
}

/** How many clients can be handed credentials of their own. */
export const MAX_SEATS = 1500;

/** Credentials of the n-th client, the same in every process. Accounts from MAX_SEATS on are left for leaks. */
export function credentialsOf(world: World, seat: number): Credentials {
  const user = world.users[seat % MAX_SEATS]!;
  const secret = (use: string) => createHash('sha256').update(`${world.seed}|${world.shape.name}|${use}|${seat}`).digest('hex');
  return {
    email: user.email,
    password: user.password,
    phone: user.phone,
    apiKey: `pk_live_${secret('key').slice(0, 32)}`,
    clientId: `app-${secret('app').slice(0, 12)}`,
    clientSecret: secret('secret').slice(0, 40),
    card: withLuhnDigit(
      `4539${BigInt(`0x${secret('card').slice(0, 12)}`)
        .toString()
        .padStart(15, '0')
        .slice(0, 11)}`,
    ),
    coupon: [...world.coupons][seat % world.coupons.size]!,
    giftcard: [...world.giftcards.keys()][seat % world.giftcards.size]!,
  };
}

/** Lines `email:password` as they leak from other sites: 3% are valid here. */
export function leakedLines(world: World, random: Random, lines: number): string[] {
  return Array.from({ length: lines }, (_, i) => {
    const user = world.users[random.int(MAX_SEATS, COUNTS.users - 1)]!;
    if (i % 33 === 7) return `${user.email}:${user.password}`;
    const known = random.chance(0.3);
    const email = known ? user.email : `${random.pick(FIRST)}.${random.pick(LAST)}${random.int(1, 9999)}@${random.pick(MAIL)}`;
    return `${email}:${random.pick(THINGS)}${random.int(1, 99_999)}`;
  });
}

function withLuhnDigit(body: string): string {
  for (let digit = 0; digit < 10; digit++) if (isLuhn(`${body}${digit}`)) return `${body}${digit}`;
  throw new Error('one of ten digits always fits');
}

/** Whether the last digit checks the others, as on payment cards. */
export function isLuhn(digits: string): boolean {
  if (!/^\d{12,19}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = Number(digits[digits.length - 1 - i]);
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
