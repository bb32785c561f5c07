/** Enough of a Salesforce-like API for jsforce: SOQL in batches, single records, collections. */
import { type Call, type Reply, type Route, readObject, route, unless } from './api-http.ts';
import type { World } from './api-world.ts';

const BATCH = 200;
const MAX_RECORDS = 200;
const ROOT = '/services/data/v58.0';

interface Table {
  readonly ids: readonly string[];
  readonly read: (id: string) => Record<string, unknown> | null;
}

export function createSalesforce(world: World): readonly Route[] {
  const { map } = world.shape;
  const tables = createTables(world);
  const guard = (handle: (call: Call, ids: readonly string[]) => Reply) => (call: Call, ids: readonly string[]) =>
    unless(call, ['key'], sobjectError(403, 'INSUFFICIENT_ACCESS')) === null ? handle(call, ids) : denied(call);
  return [
    ...route(
      'GET',
      '/services/data',
      guard(() => ({ status: 200, body: [{ label: "Summer '23", url: ROOT, version: '58.0' }] })),
    ),
    ...route(
      'GET',
      `${ROOT}/limits`,
      guard(() => ({ status: 200, body: { DailyApiRequests: { Max: 15_000, Remaining: 14_998 } } })),
    ),
    ...route(
      'GET',
      `${ROOT}/sobjects`,
      guard(() => ({ status: 200, body: { sobjects: [...tables.keys()].map((name) => ({ name })) } })),
    ),
    ...route(
      'GET',
      map.query!,
      guard((call) => query(tables, call.query.get('q') ?? '')),
    ),
    ...route(
      'GET',
      `${map.query}/{}`,
      guard((_call, [locator]) => queryMore(tables, locator!)),
    ),
    ...route(
      'GET',
      `${ROOT}/sobjects/{}/describe`,
      guard((_call, [name]) => describe(tables, name!)),
    ),
    ...route(
      'POST',
      `${ROOT}/sobjects/{}`,
      guard((call) => created(call)),
    ),
    ...route(
      'GET',
      `${ROOT}/sobjects/{}/{}`,
      guard((_call, [name, id]) => one(tables, name!, id!)),
    ),
    ...route(
      'PATCH DELETE',
      `${ROOT}/sobjects/{}/{}`,
      guard((_call, [name, id]) => touched(tables, name!, id!)),
    ),
    ...route(
      'POST PATCH',
      map.composite!,
      guard((call) => collection(call)),
    ),
    ...route(
      'POST PATCH',
      `${map.composite}/{}`,
      guard((call) => collection(call)),
    ),
    ...route(
      'POST PATCH',
      `${map.composite}/{}/{}`,
      guard((call) => collection(call)),
    ),
  ];
}

function sobjectError(status: number, errorCode: string): Reply {
  return { status, body: [{ errorCode, message: errorCode.toLowerCase().replaceAll('_', ' ') }] };
}

function denied(call: Call): Reply {
  return call.caller.scope === 'user' ? sobjectError(403, 'INSUFFICIENT_ACCESS') : sobjectError(401, 'INVALID_SESSION_ID');
}

function createTables({ customers, customerIds, orders, orderIds, products, productIds }: World): Map<string, Table> {
  const account = (id: string) => {
    const one = customers.get(id);
    if (!one) return null;
    const LastModifiedDate = new Date(one.updatedAtMs).toISOString();
    return { Id: id, Name: one.name, Email__c: one.email, Phone: one.phone, BillingCity: one.city, LastModifiedDate };
  };
  const order = (id: string) => {
    const one = orders.get(id);
    return one ? { Id: id, AccountId: one.customer, Status: one.status, TotalAmount: one.total } : null;
  };
  const product = (id: string) => {
    const one = products.get(id);
    return one ? { Id: id, Name: one.name, Family: one.category, Description: one.description } : null;
  };
  return new Map<string, Table>([
    ['Account', { ids: customerIds, read: account }],
    ['Contact', { ids: customerIds, read: account }],
    ['Order', { ids: orderIds, read: order }],
    ['Product2', { ids: productIds, read: product }],
  ]);
}

const SOQL = /^\s*SELECT\s+([\w\s,.()]{1,500}?)\s+FROM\s+(\w{1,40})\b([\s\S]*)$/i;

function query(tables: ReadonlyMap<string, Table>, soql: string): Reply {
  const [, fields = '', name = '', rest = ''] = SOQL.exec(soql) ?? [];
  const table = tables.get(name);
  if (!table) return sobjectError(400, name ? 'INVALID_TYPE' : 'MALFORMED_QUERY');
  const limit = Math.min(table.ids.length, Number(/\bLIMIT\s+(\d{1,6})/i.exec(rest)?.[1] ?? table.ids.length));
  if (/^count\(\)$/i.test(fields.trim())) return { status: 200, body: { totalSize: limit, done: true, records: [] } };
  return batch(table, name, 0, limit);
}

/** A locator tells table, place and end, so that none need be kept. */
function queryMore(tables: ReadonlyMap<string, Table>, locator: string): Reply {
  const [, name = '', end = '', start = ''] = /^01g(\w{1,40})x(\d{1,6})-(\d{1,6})$/.exec(locator) ?? [];
  const table = tables.get(name);
  return table
    ? batch(table, name, Number(start), Math.min(table.ids.length, Number(end)))
    : sobjectError(400, 'INVALID_QUERY_LOCATOR');
}

function batch(table: Table, name: string, start: number, end: number): Reply {
  const next = Math.min(end, start + BATCH);
  const records = table.ids.slice(start, next).map((id) => record(table, name, id));
  const done = next >= end;
  const more = done ? {} : { nextRecordsUrl: `${ROOT}/query/01g${name}x${end}-${next}` };
  return { status: 200, body: { totalSize: end, done, ...more, records } };
}

function record(table: Table, name: string, id: string): Record<string, unknown> | null {
  const fields = table.read(id);
  return fields && { attributes: { type: name, url: `${ROOT}/sobjects/${name}/${id}` }, ...fields };
}

function one(tables: ReadonlyMap<string, Table>, name: string, id: string): Reply {
  const table = tables.get(name);
  const found = table && record(table, name, id);
  return found ? { status: 200, body: found, isCacheable: true } : sobjectError(404, 'NOT_FOUND');
}

function touched(tables: ReadonlyMap<string, Table>, name: string, id: string): Reply {
  return tables.get(name)?.read(id) ? { status: 204 } : sobjectError(404, 'NOT_FOUND');
}

function created(call: Call): Reply {
  if (readObject(call) === null) return sobjectError(400, 'JSON_PARSER_ERROR');
  return { status: 201, body: { id: `001${call.nowMs.toString(36)}`, success: true, errors: [] } };
}

function collection(call: Call): Reply {
  const records = readObject(call)?.records;
  if (!Array.isArray(records) || records.length > MAX_RECORDS) return sobjectError(400, 'INVALID_INPUT');
  return { status: 200, body: records.map((_, i) => ({ id: `001${call.nowMs.toString(36)}${i}`, success: true, errors: [] })) };
}

function describe(tables: ReadonlyMap<string, Table>, name: string): Reply {
  const table = tables.get(name);
  const sample = table?.read(table.ids[0]!);
  if (!sample) return sobjectError(404, 'NOT_FOUND');
  return {
    status: 200,
    body: { name, queryable: true, fields: Object.keys(sample).map((field) => ({ name: field, type: 'string' })) },
  };
}
