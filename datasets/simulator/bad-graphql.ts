/** Attacks on one GraphQL route, of which a gateway sees sizes, statuses and times alone. */
import { ask, type Context, type Course, type Part, post, type Step, step } from './actor.ts';
import { anyShare, campaign } from './bad-habits.ts';

/** What one call of an attack weighs and comes to. */
type Draw = (n: number) => Partial<Step>;

/** One way of abuse, or two one after the other or mixed; through an account, a key, or neither. */
export function* graphqlAbuse(ctx: Context): Course {
  const { random, api } = ctx;
  const ways = random
    .shuffle(WAYS)
    .slice(0, random.pick([1, 1, 1, 2]))
    .map((way) => way(ctx));
  const change = random.pick([1, 20, 1e9]);
  const introspects = random.chance(0.4);
  const routes = random.chance(0.15)
    ? [...api.all('graphql'), '/graphql', `${api.base}/graphql`, '/v1/graphql', '/graphiql']
    : api.all('graphql');
  const byGet = random.chance(0.08);
  yield* campaign(ctx, 150, 0.65, function* (n): Part<unknown> {
    if (n === 0 && introspects) yield* ask(ctx, post(ctx, 'graphql', { bodyBytes: random.int(400, 2200) }));
    const more = ways[Math.floor(n / change) % ways.length]!(n);
    const path = routes[n % routes.length]!;
    if (byGet)
      return yield* ask(ctx, step(ctx, 'GET', path, { query: `query=${random.hex(random.int(6, 200))}`, ...withoutBody(more) }));
    return yield* ask(ctx, step(ctx, 'POST', path, { contentType: 'application/json', ...more }));
  });
}

function withoutBody({ bodyBytes: _bodyBytes, ...more }: Partial<Step>): Partial<Step> {
  return more;
}

/** Refused as a query that does not fit, by a share drawn once: some servers say so with 400, others with 200. */
function refusals({ random }: Context, share: number): () => Partial<Step> {
  const wish = random.pick(['invalid', 'invalid', 'odd', 'forbidden', 'limited'] as const);
  return () => (random.chance(share) ? { wish } : {});
}

function introspection(ctx: Context): Draw {
  const { random } = ctx;
  const bodyBytes = random.logInt(120, 3000);
  const refused = refusals(ctx, anyShare(random));
  return (n) => ({ bodyBytes: bodyBytes + (n % 3) * 17, ...refused() });
}

/** Guesses names from a list, more of them a call as it goes: the errors suggest what there is. */
function suggestions(ctx: Context): Draw {
  const { random } = ctx;
  const start = random.logInt(60, 2000);
  const growth = random.pick([0, 2, 15, 60]);
  const refused = refusals(ctx, random.pick([1, 1, 0.95, 0.7, 0]));
  return (n) => ({ bodyBytes: Math.min(200_000, Math.round(start + n * growth + random.int(0, 40))), ...refused() });
}

/** The same field under hundreds of names in one query, or many queries in one array. */
function batches(ctx: Context): Draw {
  const { random } = ctx;
  const bodyBytes = random.logInt(3000, 400_000);
  const spread = random.pick([0, 0.02, 0.5]);
  const refused = refusals(ctx, anyShare(random));
  return () => ({ bodyBytes: Math.round(bodyBytes * (1 + spread * random.real(-1, 1))), ...refused() });
}

/** Deeper with every call, until the server gives way or draws a line. */
function nesting(ctx: Context): Draw {
  const { random } = ctx;
  const level = random.int(10, 80);
  const limit = random.logInt(2, 60);
  const refused = refusals(ctx, random.pick([0, 0.5, 1]));
  return (n) => ({ bodyBytes: 60 + level * (1 + (n % 200)), ...(n % 200 > limit ? refused() : {}) });
}

/** One query, another id in its variables each time: all of one size but for the digits. */
function enumeration(ctx: Context): Draw {
  const { random } = ctx;
  const bodyBytes = random.int(80, 900);
  const start = random.logInt(1, 1e6);
  const refused = refusals(ctx, anyShare(random));
  return (n) => ({ bodyBytes: bodyBytes + String(start + n).length, ...refused() });
}

/** Logins by the dozen in one call, or one a call, by a mutation: the refusal is a 200 mostly. */
function logins(ctx: Context): Draw {
  const { random } = ctx;
  const size = random.chance(0.6) ? random.logInt(1500, 90_000) : random.int(120, 260);
  const isAnonymous = random.chance(0.7);
  const refused = refusals(ctx, random.pick([0, 0, 0.3, 1]));
  return () => ({ bodyBytes: size + random.int(-12, 12), ...(isAnonymous ? { credential: null } : {}), ...refused() });
}

const WAYS: readonly ((ctx: Context) => Draw)[] = [introspection, suggestions, batches, nesting, enumeration, logins];
