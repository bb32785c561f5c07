/** Calls and replies of the range's API, and the table that finds who handles a call. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

export type Scope = 'none' | 'invalid' | 'user' | 'key';

export interface Caller {
  readonly scope: Scope;
  /** Number of the user, where there is one. */
  readonly user: number | null;
  /** Under which name its calls are counted: its key, else its address. */
  readonly name: string;
}

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly caller: Caller;
  readonly nowMs: number;
}

export interface Reply {
  readonly status: number;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly type?: string;
  /** Gets an ETag; a caller that has it already is told 304. */
  readonly isCacheable?: boolean;
}

/** @param ids what stood where the path's template has `{}`, decoded */
export type Handler = (call: Call, ids: readonly string[]) => Reply;

export interface Route {
  readonly method: string;
  readonly path: string;
  readonly handle: Handler;
}

export function route(methods: string, path: string, handle: Handler): Route[] {
  return methods.split(' ').map((method) => ({ method, path, handle }));
}

export function failure(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, body: { error: code }, headers };
}

export function missing(): Reply {
  return failure(404, 'not_found');
}

interface Node {
  readonly names: Map<string, Node>;
  any: Node | null;
  readonly handlers: Map<string, Handler>;
}

const MAX_SEGMENTS = 16;

export interface Found {
  readonly handle: Handler;
  readonly ids: readonly string[];
}

/** Finds a route by walking the path's segments; a literal one is preferred to `{}`. */
export class Router {
  readonly #root: Node = createNode();

  constructor(routes: readonly Route[]) {
    for (const { method, path, handle } of routes) {
      let node = this.#root;
      for (const segment of path.split('/').slice(1)) node = childOf(node, segment);
      node.handlers.set(method, handle);
    }
  }

  /** @returns the handler; the methods that the path knows when this one is not among them; or null */
  find(method: string, path: string): Found | readonly string[] | null {
    const segments = path.split('/').slice(1);
    if (segments.length > MAX_SEGMENTS) return null;
    const ids: string[] = [];
    let node: Node | null = this.#root;
    for (const segment of segments) {
      const literal: Node | undefined = node.names.get(segment);
      if (!literal) ids.push(decode(segment));
      node = literal ?? (segment === '' ? null : node.any);
      if (!node) return null;
    }
    const handle = node.handlers.get(method === 'HEAD' ? 'GET' : method);
    if (handle) return { handle, ids };
    return node.handlers.size > 0 ? [...node.handlers.keys()] : null;
  }
}

function createNode(): Node {
  return { names: new Map(), any: null, handlers: new Map() };
}

function childOf(node: Node, segment: string): Node {
  if (segment === '{}') {
    node.any ??= createNode();
    return node.any;
  }
  const child = node.names.get(segment) ?? createNode();
  node.names.set(segment, child);
  return child;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The body as an object from JSON or a form; null where it is neither. */
export function readObject(call: Call): Readonly<Record<string, unknown>> | null {
  if (/form-urlencoded/.test(call.headers['content-type'] ?? ''))
    return Object.fromEntries(new URLSearchParams(call.body.toString('utf8')));
  try {
    const value: unknown = JSON.parse(call.body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** A text field of limited length; empty where it is absent or something else. */
export function text(source: Readonly<Record<string, unknown>> | null, name: string): string {
  const value = source?.[name];
  return typeof value === 'string' ? value.slice(0, 512) : typeof value === 'number' ? String(value) : '';
}

/** A whole number from a query or body, within bounds; `otherwise` where it is none. */
export function whole(value: unknown, otherwise: number, low: number, high: number): number {
  const number = typeof value === 'string' && value !== '' ? Number(value) : typeof value === 'number' ? value : Number.NaN;
  return Number.isFinite(number) ? Math.min(high, Math.max(low, Math.trunc(number))) : otherwise;
}

/** 401 for callers that must be known and are not. */
export function unless(call: Call, scopes: readonly Scope[], denial: Reply): Reply | null {
  const { scope } = call.caller;
  if (scopes.includes(scope)) return null;
  if (scope === 'none' || scope === 'invalid')
    return failure(401, scope === 'none' ? 'unauthorized' : 'invalid_token', { 'www-authenticate': 'Bearer realm="api"' });
  return denial;
}

export function etagOf(bytes: Buffer): string {
  return `"${createHash('sha1').update(bytes).digest('base64url').slice(0, 20)}"`;
}
