/** A small GraphQL: queries with arguments, variables, aliases and fragments over the same records. */
import { type Call, failure, type Reply, type Route, readObject, route } from './api-http.ts';
import { findProducts, viewCustomer, viewOrder, viewProduct } from './api-records.ts';
import type { World } from './api-world.ts';

const MAX_TOKENS = 4000;
const MAX_DEPTH = 12;
const MAX_FIELDS = 5000;
const MAX_CHARS = 20_000;

type Args = Readonly<Record<string, unknown>>;

interface Field {
  readonly alias: string;
  readonly name: string;
  readonly args: Args;
  readonly fields: readonly Field[];
}

/** A spread of a named fragment, resolved when all are known. */
interface Spread {
  readonly spread: string;
}

type Selection = Field | Spread | readonly Selection[];

export function createGraphql(world: World): readonly Route[] {
  const { map } = world.shape;
  const answer = (call: Call, text: unknown, variables: unknown): Reply => {
    if (call.caller.scope === 'invalid') return failure(401, 'invalid_token');
    if (typeof text !== 'string' || text.length > MAX_CHARS) return errors(400, 'Must provide query string.');
    if (/\b__schema\b|\b__type\b/.test(text) && !world.shape.introspection) return failure(403, 'introspection_off');
    try {
      const fields = parse(text, typeof variables === 'object' && variables !== null ? (variables as Args) : {});
      return { status: 200, body: execute(world, call, fields) };
    } catch (error) {
      return errors(400, (error as Error).message);
    }
  };
  return [
    ...route('POST', map.graphql!, (call) => {
      const body = readObject(call);
      return answer(call, body?.query, body?.variables);
    }),
    ...route('GET', map.graphql!, (call) => answer(call, call.query.get('query') ?? undefined, {})),
  ];
}

function errors(status: number, message: string): Reply {
  return { status, body: { errors: [{ message }] } };
}

/** Reads a document into the fields of its first operation. @throws Error what is wrong, for the caller */
function parse(document: string, variables: Args): readonly Field[] {
  const tokens =
    document.replaceAll(/#[^\n]*/g, '').match(/\.\.\.|[_A-Za-z]\w*|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|[{}()[\]:!$@=|&]/g) ?? [];
  if (tokens.length > MAX_TOKENS) throw new Error('Syntax Error: too long.');
  return new Parser(tokens, variables).document();
}

class Parser {
  readonly #tokens: readonly string[];
  readonly #variables: Args;
  readonly #fragments = new Map<string, readonly Selection[]>();
  #at = 0;

  constructor(tokens: readonly string[], variables: Args) {
    this.#tokens = tokens;
    this.#variables = variables;
  }

  document(): readonly Field[] {
    let operation: readonly Selection[] | null = null;
    while (this.#at < this.#tokens.length) {
      const word = this.#tokens[this.#at]!;
      const name = word === 'fragment' ? this.#tokens[this.#at + 1]! : null;
      this.#seek('{');
      const selections = this.#selections(0);
      if (name !== null) this.#fragments.set(name, selections);
      else operation ??= selections;
    }
    if (operation === null) throw new Error('Syntax Error: Unexpected <EOF>.');
    const budget = { left: MAX_FIELDS };
    return this.#flatten(operation, 0, budget);
  }

  #seek(token: string): void {
    // Skips names, types, variables and directives before a body.
    while (this.#at < this.#tokens.length && this.#tokens[this.#at] !== token) this.#at++;
    if (this.#at >= this.#tokens.length) throw new Error(`Syntax Error: Expected "${token}".`);
  }

  #next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new Error('Syntax Error: Unexpected <EOF>.');
    return token;
  }

  #isNext(token: string): boolean {
    return this.#tokens[this.#at] === token;
  }

  #selections(depth: number): readonly Selection[] {
    if (depth > MAX_DEPTH) throw new Error('Query is too deep.');
    this.#next();
    const selections: Selection[] = [];
    while (!this.#isNext('}')) selections.push(this.#selection(depth));
    this.#next();
    return selections;
  }

  #selection(depth: number): Selection {
    const first = this.#next();
    if (first === '...') {
      if (!this.#isNext('on') && !this.#isNext('{') && !this.#isNext('@')) return { spread: this.#next() };
      this.#seek('{');
      return this.#selections(depth + 1);
    }
    if (!/^\w+$/.test(first)) throw new Error(`Syntax Error: Unexpected "${first.slice(0, 20)}".`);
    let name = first;
    if (this.#isNext(':')) {
      this.#next();
      name = this.#next();
    }
    const args = this.#isNext('(') ? this.#args() : {};
    while (this.#isNext('@')) {
      this.#at += 2;
      if (this.#isNext('(')) this.#args();
    }
    const inner = this.#isNext('{') ? this.#selections(depth + 1) : [];
    return { alias: first, name, args, fields: inner as readonly Field[] };
  }

  #args(): Args {
    const args: Record<string, unknown> = {};
    this.#next();
    while (!this.#isNext(')')) {
      const name = this.#next();
      if (this.#next() !== ':') throw new Error('Syntax Error: Expected ":".');
      args[name] = this.#value(0);
    }
    this.#next();
    return args;
  }

  #value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new Error('Query is too deep.');
    const token = this.#next();
    if (token === '$') return this.#variables[this.#next()];
    if (token === '[') {
      const items: unknown[] = [];
      while (!this.#isNext(']')) items.push(this.#value(depth + 1));
      this.#next();
      return items;
    }
    if (token === '{') {
      const entries: Record<string, unknown> = {};
      while (!this.#isNext('}')) {
        const name = this.#next();
        this.#next();
        entries[name] = this.#value(depth + 1);
      }
      this.#next();
      return entries;
    }
    if (token.startsWith('"')) return token.slice(1, -1).replaceAll(/\\(.)/g, '$1');
    if (/^-?\d/.test(token)) return Number(token);
    return token === 'true' ? true : token === 'false' ? false : token === 'null' ? null : token;
  }

  #flatten(selections: readonly Selection[], depth: number, budget: { left: number }): readonly Field[] {
    if (depth > MAX_DEPTH || budget.left < 0) throw new Error('Query is too complex.');
    return selections.flatMap((one): readonly Field[] => {
      if (Array.isArray(one)) return this.#flatten(one, depth + 1, budget);
      if ('spread' in one) return this.#flatten(this.#fragments.get(one.spread) ?? [], depth + 1, budget);
      budget.left--;
      const field = one as Field;
      return [{ ...field, fields: this.#flatten(field.fields, depth + 1, budget) }];
    });
  }
}

type Resolve = (args: Args) => unknown;

function execute(world: World, call: Call, fields: readonly Field[]): Record<string, unknown> {
  const root = rootOf(world, call);
  const data: Record<string, unknown> = {};
  const faults: { message: string; path?: string[] }[] = [];
  const budget = { left: MAX_FIELDS };
  for (const field of fields) {
    const resolve = Object.hasOwn(root, field.name) ? root[field.name] : undefined;
    if (!resolve) faults.push({ message: `Cannot query field "${field.name}" on type "Query".` });
    else data[field.alias] = pick(resolve(field.args), field.fields, budget);
    if (resolve && data[field.alias] === undefined) {
      data[field.alias] = null;
      faults.push({ message: 'Not authorized', path: [field.alias] });
    }
  }
  return faults.length > 0 ? { data, errors: faults } : { data };
}

/** undefined stands for "not allowed". */
function rootOf(world: World, call: Call): Readonly<Record<string, Resolve>> {
  const { scope, user } = call.caller;
  const own = user === null ? (scope === 'key' ? world.orderIds : null) : world.users[user]!.orders;
  const order = (id: string) => {
    const found = world.orders.get(id)!;
    return { ...viewOrder(found), customer: viewCustomer(world.customers.get(found.customer)!) };
  };
  const product = (id: string) => viewProduct(world.products.get(id)!);
  return {
    __typename: () => 'Query',
    __schema: () => SCHEMA,
    __type: ({ name }) => SCHEMA.types.find((type) => type.name === name) ?? null,
    me: () => (user === null ? undefined : { ...world.users[user]!, password: null }),
    order: ({ id }) => {
      const found = world.orders.get(String(id));
      if (scope !== 'user' && scope !== 'key') return undefined;
      if (found && scope === 'user' && found.owner !== user) return undefined;
      return found ? order(found.id) : null;
    },
    orders: (args) => (own === null ? undefined : connection(own, args, order)),
    product: ({ id }) => (world.products.has(String(id)) ? product(String(id)) : null),
    products: (args) => connection(world.productIds, args, product),
    search: (args) => connection(findProducts(world, String(args.q ?? '').slice(0, 100)), args, product),
  };
}

function connection(ids: readonly string[], args: Args, view: (id: string) => unknown): Record<string, unknown> {
  const first = Math.min(100, Math.max(1, Number(args.first) || 20));
  const start = Math.min(ids.length, Math.max(0, Math.trunc(Number(args.after) || 0)));
  const nodes = ids.slice(start, start + first).map(view);
  const endCursor = String(start + nodes.length);
  const edges = nodes.map((node, i) => ({ cursor: String(start + i + 1), node }));
  return { nodes, edges, totalCount: ids.length, pageInfo: { hasNextPage: start + first < ids.length, endCursor } };
}

function pick(source: unknown, fields: readonly Field[], budget: { left: number }): unknown {
  if (source === undefined || source === null) return source;
  if (Array.isArray(source)) return source.map((one) => pick(one, fields, budget));
  if (typeof source !== 'object' || fields.length === 0) return typeof source === 'object' ? {} : source;
  const out: Record<string, unknown> = {};
  for (const { alias, name, fields: inner } of fields) {
    if (budget.left-- < 0) return out;
    out[alias] = pick(Object.hasOwn(source, name) ? (source as Record<string, unknown>)[name] : null, inner, budget);
  }
  return out;
}

const SCALARS = ['ID', 'String', 'Int', 'Float', 'Boolean'] as const;
const TYPES: Readonly<Record<string, string>> = {
  Query: 'me:User order:Order orders:OrderConnection product:Product products:ProductConnection search:ProductConnection',
  User: 'id:ID email:String name:String phone:String',
  Order: 'id:ID status:String total:Float currency:String createdAt:String updatedAt:String customer:Customer',
  Customer: 'id:ID name:String email:String phone:String city:String',
  Product: 'id:ID slug:String name:String price:Float category:String description:String inStock:Boolean',
  OrderConnection: 'nodes:Order totalCount:Int pageInfo:PageInfo',
  ProductConnection: 'nodes:Product totalCount:Int pageInfo:PageInfo',
  PageInfo: 'hasNextPage:Boolean endCursor:String',
};

function typeRef(name: string): Record<string, unknown> {
  return { kind: (SCALARS as readonly string[]).includes(name) ? 'SCALAR' : 'OBJECT', name, ofType: null };
}

function inputOf(name: string, type: string): Record<string, unknown> {
  return { name, description: null, type: typeRef(type), defaultValue: null };
}

function argsOf(name: string, type: string): Record<string, unknown>[] {
  if (name === 'order' || name === 'product') return [inputOf('id', 'ID')];
  if (!type.endsWith('Connection')) return [];
  return [...(name === 'search' ? [inputOf('q', 'String')] : []), inputOf('first', 'Int'), inputOf('after', 'String')];
}

const EMPTY = { description: null, inputFields: null, interfaces: [], enumValues: null, possibleTypes: null };
const SCHEMA = {
  queryType: { name: 'Query' },
  mutationType: null,
  subscriptionType: null,
  directives: [],
  types: [
    ...SCALARS.map((name) => ({ ...EMPTY, kind: 'SCALAR', name, fields: null })),
    ...Object.entries(TYPES).map(([name, list]) => ({
      ...EMPTY,
      kind: 'OBJECT',
      name,
      fields: list.split(' ').map((one) => {
        const [field = '', type = ''] = one.split(':');
        const args = argsOf(field, type);
        return { name: field, description: null, args, type: typeRef(type), isDeprecated: false, deprecationReason: null };
      }),
    })),
  ],
};
