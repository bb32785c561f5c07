/** Orders, customers, goods and search: lists in pages, single records with ETags, changes. */
import { type Call, failure, missing, type Reply, type Route, readObject, route, text, unless, whole } from './api-http.ts';
import { RateLimit } from './api-limits.ts';
import type { Customer, Order, Product, World } from './api-world.ts';

const MAX_PAGE = 100;
const MAX_ORDERS = 40_000;

export function createRecords(world: World): readonly Route[] {
  const desk = new Records(world);
  const { map } = world.shape;
  return [
    ...route('GET', map.orders!, (call) => desk.listOrders(call)),
    ...route('POST', map.orders!, (call) => desk.createOrder(call)),
    ...route('GET', map.order!, (call, [id]) => desk.readOrder(call, id!)),
    ...route('PATCH', map.order!, (call, [id]) => desk.changeOrder(call, id!)),
    ...route('GET', map.customers!, (call) => desk.listCustomers(call)),
    ...route('GET', map.customer!, (call, [id]) => desk.readCustomer(call, id!)),
    ...route('PATCH', map.customer!, (call, [id]) => desk.changeCustomer(call, id!)),
    ...route('GET', map.products!, (call) => desk.listProducts(call)),
    ...route('GET', map.product!, (call, [id]) => desk.readProduct(call, id!)),
    ...route('GET', map.search!, (call) => desk.search(call)),
  ];
}

export function viewOrder(order: Order): Record<string, unknown> {
  const { id, customer, status, note, total, lines, createdAtMs, updatedAtMs } = order;
  return {
    id,
    customerId: customer,
    status,
    note,
    total,
    currency: 'EUR',
    items: lines,
    createdAt: new Date(createdAtMs).toISOString(),
    updatedAt: new Date(updatedAtMs).toISOString(),
  };
}

export function viewCustomer({ updatedAtMs, ...rest }: Customer): Record<string, unknown> {
  return { ...rest, updatedAt: new Date(updatedAtMs).toISOString() };
}

export function viewProduct({ id, slug, name, price, category, description, stock }: Product): Record<string, unknown> {
  return { id, slug, name, price, currency: 'EUR', category, description, inStock: stock > 0 };
}

/** Ids that match a search, in the order of the catalogue; every word must occur in name or category. */
export function findProducts(world: World, wanted: string): string[] {
  const words = wanted.toLowerCase().split(/\s+/).filter(Boolean).slice(0, 6);
  return world.productIds.filter((id) => {
    const { name, category } = world.products.get(id)!;
    return words.every((word) => name.includes(word) || category.includes(word));
  });
}

class Records {
  readonly #world: World;
  readonly #searches = new RateLimit();
  #made = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get #denial(): Reply {
    return this.#world.shape.denial === 404 ? missing() : failure(403, 'forbidden');
  }

  listOrders(call: Call): Reply {
    const denied = unless(call, ['user', 'key'], this.#denial);
    if (denied) return denied;
    const { orderIds, users, orders } = this.#world;
    const own = call.caller.user === null ? orderIds : users[call.caller.user]!.orders;
    const since = Date.parse(call.query.get('updated_since') ?? '');
    const ids = Number.isNaN(since) ? own : own.filter((id) => orders.get(id)!.updatedAtMs >= since);
    return this.#page(call, ids, (id) => viewOrder(orders.get(id)!));
  }

  createOrder(call: Call): Reply {
    const denied = unless(call, ['user', 'key'], this.#denial);
    if (denied) return denied;
    const body = readObject(call);
    const items = Array.isArray(body?.items) ? (body.items as unknown[]).slice(0, 20) : [];
    if (items.length === 0) return failure(422, 'items_missing');
    const lines = items.map((item) => {
      const line = item as Record<string, unknown> | null;
      return { productId: text(line, 'productId'), qty: whole(line?.qty, 1, 1, 100) };
    });
    if (!lines.every(({ productId }) => this.#world.products.has(productId))) return failure(422, 'unknown_product');
    const id = this.#keepOrder(call, lines);
    return { status: 201, body: { id }, headers: { location: this.#world.shape.map.order!.replace('{}', id) } };
  }

  #keepOrder(call: Call, lines: Order['lines']): string {
    const { orders, orderIds, users, products, customerIds, shape } = this.#world;
    const last = orderIds.at(-1)!;
    const id = shape.ids.orders === 'number' ? String(Number(last) + 1 + (this.#made % 2)) : crypto.randomUUID();
    this.#made++;
    if (orderIds.length >= MAX_ORDERS) return id;
    const owner = call.caller.user ?? -1;
    const total = lines.reduce((sum, { productId, qty }) => sum + products.get(productId)!.price * qty, 0);
    const at = { createdAtMs: call.nowMs, updatedAtMs: call.nowMs };
    orders.set(id, { id, owner, customer: customerIds[0]!, status: 'new', note: '', total, lines, ...at });
    orderIds.push(id);
    users[owner]?.orders.push(id);
    return id;
  }

  /** The order, where the caller may see it. */
  #order(call: Call, id: string): Order | Reply {
    const denied = unless(call, ['user', 'key'], this.#denial);
    if (denied) return denied;
    const order = this.#world.orders.get(id);
    if (!order) return missing();
    return call.caller.scope === 'key' || order.owner === call.caller.user ? order : this.#denial;
  }

  readOrder(call: Call, id: string): Reply {
    const order = this.#order(call, id);
    return 'id' in order ? { status: 200, body: viewOrder(order), isCacheable: true } : order;
  }

  changeOrder(call: Call, id: string): Reply {
    const order = this.#order(call, id);
    if (!('id' in order)) return order;
    const body = readObject(call);
    if (body === null) return failure(422, 'invalid');
    order.note = text(body, 'note') || order.note;
    order.status = text(body, 'status').slice(0, 20) || order.status;
    order.updatedAtMs = call.nowMs;
    return { status: 200, body: viewOrder(order) };
  }

  listCustomers(call: Call): Reply {
    const denied = unless(call, ['key'], this.#denial);
    if (denied) return denied;
    const { customers, customerIds } = this.#world;
    const since = Date.parse(call.query.get('updated_since') ?? '');
    const ids = Number.isNaN(since) ? customerIds : customerIds.filter((id) => customers.get(id)!.updatedAtMs >= since);
    return this.#page(call, ids, (id) => viewCustomer(customers.get(id)!));
  }

  readCustomer(call: Call, id: string): Reply {
    const denied = unless(call, ['key'], this.#denial);
    if (denied) return denied;
    const customer = this.#world.customers.get(id);
    return customer ? { status: 200, body: viewCustomer(customer), isCacheable: true } : missing();
  }

  changeCustomer(call: Call, id: string): Reply {
    const denied = unless(call, ['key'], this.#denial);
    if (denied) return denied;
    const customer = this.#world.customers.get(id);
    if (!customer) return missing();
    const body = readObject(call);
    if (body === null) return failure(422, 'invalid');
    customer.phone = text(body, 'phone') || customer.phone;
    customer.city = text(body, 'city') || customer.city;
    customer.updatedAtMs = call.nowMs;
    return { status: 200, body: viewCustomer(customer) };
  }

  listProducts(call: Call): Reply {
    const { products, productIds } = this.#world;
    const category = call.query.get('category');
    const ids = category ? productIds.filter((id) => products.get(id)!.category === category) : productIds;
    return { ...this.#page(call, ids, (id) => viewProduct(products.get(id)!)), isCacheable: true };
  }

  readProduct(_call: Call, id: string): Reply {
    const product = this.#world.products.get(id);
    return product ? { status: 200, body: viewProduct(product), isCacheable: true } : missing();
  }

  search(call: Call): Reply {
    const { search } = this.#world.shape.limits;
    if (!this.#searches.take(call.caller.name, search, search * 2, call.nowMs))
      return failure(429, 'too_many_searches', { 'retry-after': '1' });
    const wanted = (call.query.get('q') ?? '').slice(0, 200);
    if (!wanted) return failure(400, 'q_missing');
    return this.#page(call, findProducts(this.#world, wanted), (id) => viewProduct(this.#world.products.get(id)!));
  }

  #page(call: Call, ids: readonly string[], view: (id: string) => unknown): Reply {
    const { query } = call;
    const limit = whole(query.get('limit'), 20, 1, MAX_PAGE);
    const start = this.#startOf(query, limit);
    const items = ids.slice(start, start + limit).map(view);
    const next = start + limit < ids.length ? this.#nextOf(call, start + limit, limit) : null;
    const headers: Record<string, string> = next === null ? {} : { link: `<${next}>; rel="next"` };
    return { status: 200, body: { items, next, total: ids.length }, headers };
  }

  #startOf(query: URLSearchParams, limit: number): number {
    const { paging } = this.#world.shape;
    if (paging === 'page') return (whole(query.get('page'), 1, 1, 100_000) - 1) * limit;
    if (paging === 'offset') return whole(query.get('offset'), 0, 0, 1_000_000);
    return whole(/^c(\d{1,7})$/.exec(Buffer.from(query.get('cursor') ?? '', 'base64url').toString('latin1'))?.[1], 0, 0, 1e6);
  }

  #nextOf({ path, query }: Call, start: number, limit: number): string {
    const next = new URLSearchParams(query);
    const { paging } = this.#world.shape;
    if (paging === 'page') next.set('page', String(Math.floor(start / limit) + 1));
    else if (paging === 'offset') next.set('offset', String(start));
    else next.set('cursor', Buffer.from(`c${start}`).toString('base64url'));
    next.set('limit', String(limit));
    return `${path}?${next}`;
  }
}
