/** What a call asks for, as far as its method, its target and what its client was shown before say. */
import { C, type ClientRecord, U } from './client-record.ts';
import type { ApiCall } from './contracts.ts';
import { type PathFacts, PEOPLE, PURPOSES, type Purpose, type QueryFacts, readPath, readQuery } from './path.ts';
import { combine, hashString } from './stats.ts';

/** Of 32 bits that the children of a path set by hash, how many make them names of objects: about 22 children do. */
const LEARNT_BITS = 16;

export interface Asked {
  readonly path: PathFacts;
  readonly query: QueryFacts | null;
  readonly object: AskedObject;
  /** Path and query. */
  readonly target: number;
  /** The same with all else that could differ from one try to the next, as far as the gateway tells. */
  readonly attempt: number;
  /** A place in PURPOSES, -1 for none. */
  readonly purpose: number;
}

export interface AskedObject {
  /** 0 where the call names none. */
  readonly hash: number;
  readonly number: number;
  /** The route with the object as a placeholder. */
  readonly route: number;
  /** The route of the list that would show it. */
  readonly list: number;
}

/** Reads a call, and has its client's record learn under which paths there are objects. */
export function askedBy(record: ClientRecord, call: ApiCall): Asked {
  const path = readPath(call.path, call.route);
  const query = call.query === null ? null : readQuery(call.query);
  const target = query === null ? path.full : combine(path.full, query.full);
  const purpose = path.purpose === PEOPLE ? (call.method === 'POST' && path.leafKind === 'literal' ? SIGNUP : -1) : path.purpose;
  return {
    path,
    query,
    object: objectOf(record, path, query, isAnswered(call)),
    target,
    attempt: attemptOf(call, target),
    purpose: purpose < 0 || READ_PURPOSES.has(purpose) || !isReading(call.method) ? purpose : -1,
  };
}

export const SIGNUP = PURPOSES.indexOf('signup');
export const PAYMENT = PURPOSES.indexOf('money');
export const MESSAGE = PURPOSES.indexOf('message');
/** Reading serves these purposes too: a gift card's balance is guessed by GET. */
export const READ_PURPOSES: ReadonlySet<number> = new Set(
  (['code', 'admin'] satisfies Purpose[]).map((name) => PURPOSES.indexOf(name)),
);

export function isReading(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

function attemptOf({ method, requestBytes, account }: ApiCall, target: number): number {
  let hash = combine(target, methodSlot(method));
  if (requestBytes !== null) hash = combine(hash, requestBytes);
  return account === null ? hash : hashString(account, hash);
}

export function methodSlot(method: string): number {
  switch (method) {
    case 'GET':
      return C.get;
    case 'POST':
      return C.post;
    case 'PUT':
    case 'PATCH':
      return C.write;
    case 'DELETE':
      return C.remove;
    case 'HEAD':
      return C.head;
    case 'OPTIONS':
      return C.options;
    default:
      return C.otherMethod;
  }
}

export function isLogin({ account, method }: ApiCall, { path }: Asked): boolean {
  return account !== null || (path.isLogin && method === 'POST');
}

export function isAnswered({ status }: ApiCall): boolean {
  return status !== null && status < 400;
}

export function isFailure(status: number | null): boolean {
  return status !== null && status >= 400 && status < 500;
}

/** The object a call names: a variable segment, a parameter, or a name under a parent whose children have shown to be many. */
function objectOf({ u }: ClientRecord, path: PathFacts, query: QueryFacts | null, answered: boolean): AskedObject {
  const { route, parent, leaf } = path;
  if (path.object !== 0) return { hash: path.object, number: path.objectNumber, route, list: path.collection };
  if (query !== null && query.object !== 0)
    return { hash: query.object, number: query.objectNumber, route: combine(route, query.objectName), list: route };
  if (path.isAsset || path.depth < 2 || !learn(u, parent, leaf, answered)) return { hash: 0, number: Number.NaN, route, list: 0 };
  return { hash: leaf || 1, number: Number.NaN, route: combine(parent, 1), list: parent };
}

/** Learns a child of a path and says whether its children are names of objects. Of four parents the last gives way. */
function learn(u: Uint32Array, parent: number, child: number, answered: boolean): boolean {
  let slot = 0;
  while (slot < 3 && u[U.learntParent + slot] !== parent && u[U.learntParent + slot] !== 0) slot++;
  if (u[U.learntParent + slot] !== parent) {
    if (!answered) return false;
    u[U.learntParent + slot] = parent;
    u[U.learntChildren + slot] = 0;
  }
  // Only answered paths teach: a scanner's many misses under one parent stay many routes.
  if (answered) u[U.learntChildren + slot] = u[U.learntChildren + slot]! | (1 << (child & 31));
  return bitCount(u[U.learntChildren + slot]!) >= LEARNT_BITS;
}

function bitCount(bits: number): number {
  let n = 0;
  for (let left = bits >>> 0; left !== 0; left &= left - 1) n++;
  return n;
}
