/** SCIM 2.0 for an identity provider: users are found, created, changed and removed. */
import { createRandom } from '../simulator/random.ts';
import { type Call, type Reply, type Route, readObject, route, text, unless, whole } from './api-http.ts';
import { BoundedMap } from './api-limits.ts';
import type { World } from './api-world.ts';

const MAX_USERS = 4000;
const FIRST_USERS = 600;
const MAX_GROUPS = 500;
const LIST = 'urn:ietf:params:scim:api:messages:2.0:ListResponse';
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const TYPE = 'application/scim+json';

interface ScimUser {
  readonly id: string;
  userName: string;
  active: boolean;
  displayName: string;
  version: number;
}

export function createScim(world: World): readonly Route[] {
  const scim = new Scim(world);
  const { map } = world.shape;
  const guard = (handle: (call: Call, id: string) => Reply) => (call: Call, ids: readonly string[]) =>
    unless(call, ['key'], scimError(403, 'forbidden')) ?? handle(call, ids[0] ?? '');
  return [
    ...route(
      'GET',
      map.scimUsers!,
      guard((call) => scim.list(call)),
    ),
    ...route(
      'POST',
      map.scimUsers!,
      guard((call) => scim.create(call)),
    ),
    ...route(
      'GET',
      map.scimUser!,
      guard((call, id) => scim.read(call, id)),
    ),
    ...route(
      'PUT PATCH',
      map.scimUser!,
      guard((call, id) => scim.change(call, id)),
    ),
    ...route(
      'DELETE',
      map.scimUser!,
      guard((_call, id) => scim.remove(id)),
    ),
    ...route(
      'GET',
      map.scimGroups!,
      guard((call) => scim.groups(call)),
    ),
    ...route(
      'POST',
      map.scimGroups!,
      guard((call) => scim.createGroup(call)),
    ),
    ...route(
      'PATCH',
      `${map.scimGroups}/{}`,
      guard((_call, id) => scim.changeGroup(id)),
    ),
    ...route(
      'GET',
      `${map.scim}/ServiceProviderConfig`,
      guard(() => ({ status: 200, body: { patch: { supported: true } }, type: TYPE })),
    ),
  ];
}

function scimError(status: number, detail: string): Reply {
  const schemas = ['urn:ietf:params:scim:api:messages:2.0:Error'];
  return { status, body: { schemas, detail, status: String(status) }, type: TYPE };
}

class Scim {
  readonly #users = new BoundedMap<ScimUser>(MAX_USERS, ({ userName }) => this.#names.delete(userName));
  readonly #names = new Map<string, string>();
  readonly #groups = new Set(['staff', 'sales', 'support', 'partners']);
  readonly #random;

  constructor(world: World) {
    this.#random = createRandom(world.seed + 505);
    for (const { email, name } of world.users.slice(0, FIRST_USERS)) this.#keep(email, name);
  }

  #keep(userName: string, displayName: string): ScimUser {
    const user = { id: this.#random.uuid(), userName, displayName, active: true, version: 1 };
    this.#users.set(user.id, user);
    this.#names.set(userName, user.id);
    return user;
  }

  list(call: Call): Reply {
    const wanted = /^userName eq "([^"]{1,200})"$/i.exec(call.query.get('filter') ?? '')?.[1];
    const found = wanted === undefined ? undefined : this.#users.get(this.#names.get(wanted) ?? '');
    const all = wanted === undefined ? [...this.#users.values()] : found ? [found] : [];
    const startIndex = whole(call.query.get('startIndex'), 1, 1, 100_000);
    const shown = all.slice(startIndex - 1, startIndex - 1 + whole(call.query.get('count'), 50, 0, 200));
    const body = {
      schemas: [LIST],
      totalResults: all.length,
      startIndex,
      itemsPerPage: shown.length,
      Resources: shown.map(viewUser),
    };
    return { status: 200, body, type: TYPE };
  }

  create(call: Call): Reply {
    const body = readObject(call);
    const userName = text(body, 'userName');
    if (!userName) return scimError(400, 'userName is missing');
    if (this.#names.has(userName)) return scimError(409, 'userName is taken');
    return { status: 201, body: viewUser(this.#keep(userName, text(body, 'displayName') || userName)), type: TYPE };
  }

  read(_call: Call, id: string): Reply {
    const user = this.#users.get(id);
    return user ? { status: 200, body: viewUser(user), type: TYPE, isCacheable: true } : scimError(404, 'no such user');
  }

  change(call: Call, id: string): Reply {
    const user = this.#users.get(id);
    const body = readObject(call);
    if (!user || body === null) return user ? scimError(400, 'not JSON') : scimError(404, 'no such user');
    const operations = Array.isArray(body.Operations) ? body.Operations.slice(0, 20) : [];
    const values = [body, ...operations.map((one) => valuesOf(one as Record<string, unknown> | null))];
    for (const value of values) {
      if (typeof value.active === 'boolean') user.active = value.active;
      user.displayName = text(value, 'displayName') || user.displayName;
    }
    user.version++;
    return { status: 200, body: viewUser(user), type: TYPE };
  }

  remove(id: string): Reply {
    const user = this.#users.get(id);
    if (!user) return scimError(404, 'no such user');
    this.#names.delete(user.userName);
    this.#users.delete(id);
    return { status: 204 };
  }

  groups(call: Call): Reply {
    const wanted = /^displayName eq "([^"]{1,200})"$/i.exec(call.query.get('filter') ?? '')?.[1];
    const Resources = [...this.#groups].filter((name) => wanted === undefined || name === wanted).map(viewGroup);
    const counts = { totalResults: Resources.length, startIndex: 1, itemsPerPage: Resources.length };
    return { status: 200, body: { schemas: [LIST], ...counts, Resources }, type: TYPE };
  }

  createGroup(call: Call): Reply {
    const name = text(readObject(call), 'displayName');
    if (!name) return scimError(400, 'displayName is missing');
    if (this.#groups.has(name) || this.#groups.size >= MAX_GROUPS) return scimError(409, 'displayName is taken');
    this.#groups.add(name);
    return { status: 201, body: viewGroup(name), type: TYPE };
  }

  /** Members are not kept: nobody asks for them. */
  changeGroup(id: string): Reply {
    return this.#groups.has(id) ? { status: 204 } : scimError(404, 'no such group');
  }
}

/** An operation of PATCH as an object of what it sets. */
function valuesOf(operation: Record<string, unknown> | null): Record<string, unknown> {
  const { path, value } = operation ?? {};
  if (typeof path === 'string') return { [path]: value };
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function viewUser({ id, userName, active, displayName, version }: ScimUser): Record<string, unknown> {
  const meta = { resourceType: 'User', version: `W/"${version}"`, location: `/scim/v2/Users/${id}` };
  return { schemas: [USER], id, userName, active, displayName, emails: [{ value: userName, primary: true }], meta };
}

function viewGroup(displayName: string): Record<string, unknown> {
  return { schemas: [GROUP], id: displayName, displayName };
}
