/** What attackers put around an attack so that it looks less like one: other calls, pauses, a quiet beginning. */
import { ask, browse, type Context, type Course, givesUp, type Kind, openPage, type Part, pickResource, step } from './actor.ts';

/** How often an attacker that could evade does. */
const EVADES = 0.3;
/** Some are over before it would help; others have ways of their own. */
const NEVER = new Set(['flood', 'reconnaissance', 'low-and-slow']);

export function mayEvade(name: string, { addresses, turns }: Kind): boolean {
  return !NEVER.has(name) && !addresses && !turns;
}

/** The course itself, or with decoys, pauses and a harmless start mixed in. */
export function* evade(ctx: Context, course: Course): Course {
  const { random } = ctx;
  if (!random.chance(EVADES)) return yield* course;
  const decoys = random.pick([0, 0.03, 0.1, 0.3]);
  const pauses = random.chance(0.5) ? 1 / random.log(4, 80) : 0;
  const pauseMs = random.log(2000, 600_000);
  if (random.chance(0.3)) for (let looks = random.int(1, 4); looks > 0 && !givesUp(ctx); looks--) yield* lookAround(ctx);
  let move = course.next();
  while (!move.done) {
    const wanted = move.value;
    if (random.chance(decoys)) yield* lookAround(ctx);
    const extraMs = pauses > 0 && random.chance(pauses) ? pauseMs * random.real(0.5, 1.5) : 0;
    move = course.next(yield { ...wanted, waitMs: wanted.waitMs + extraMs });
  }
}

/** A call or a few, as an app or a reader makes them. */
function* lookAround(ctx: Context): Part<void> {
  const { random, api } = ctx;
  if (api.isSite) yield* openPage(ctx, random.int(0, api.pages.length - 1), null, new Map());
  else if (random.chance(0.3)) yield* ask(ctx, step(ctx, 'GET', random.pick([api.at('me'), ...api.all('read')])));
  else yield* browse(ctx, pickResource(ctx), 0, random.int(0, 3));
}
