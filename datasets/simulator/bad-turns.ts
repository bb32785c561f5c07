/** Sessions that turn, and attackers that do several things one after the other. */
import { type Context, type Course, enter, type Part, type Step } from './actor.ts';
import { accountCreation, cashingOut, smsPumping } from './bad-accounts.ts';
import { credentialStuffing, otpGuessing, passwordSpraying, tokenGuessing, userEnumeration } from './bad-credentials.ts';
import { parameterFuzzing, schemaFuzzing } from './bad-fuzzing.ts';
import { injectionScan, vulnerabilityScan } from './bad-holes.ts';
import { idEnumeration, keyEnumeration } from './bad-ids.ts';
import { footprinting } from './bad-looks.ts';
import { cardTesting, couponGuessing, inventoryHolding } from './bad-money.ts';
import { spamPosting } from './bad-nuisances.ts';
import { privilegeProbing, webhookAbuse } from './bad-reaching.ts';
import { scraping } from './bad-scraping.ts';
import { steal } from './bad-thieves.ts';
import { GOOD_KINDS } from './good-kinds.ts';

type Run = (ctx: Context) => Course;

const APPS =
  'app-user mobile-app browser-app shopper agent-tools search-user graphql-client uploader drop-fan newcomer mistyping-user'.split(
    ' ',
  );
const AFTER_APP: readonly Run[] = [
  ...Array.from({ length: 8 }, () => steal),
  idEnumeration,
  scraping,
  parameterFuzzing,
  vulnerabilityScan,
  cardTesting,
  injectionScan,
  couponGuessing,
  spamPosting,
  inventoryHolding,
];
const PARTNERS =
  'partner-sync backfill cron-export catalogue-partner own-books-export microservice crm-bulk-sync stale-sync dashboard-backend job-poller iot-telemetry price-monitor uploader graphql-client ci-job scim-provisioning consented-aggregator'.split(
    ' ',
  );
const AFTER_KEY: readonly Run[] = [
  ...Array.from({ length: 6 }, () => steal),
  idEnumeration,
  scraping,
  parameterFuzzing,
  injectionScan,
  footprinting,
  schemaFuzzing,
  privilegeProbing,
  webhookAbuse,
];

/** A good session of a person, then a bad one through the same credential. */
export function* hijackedSession(ctx: Context): Course {
  yield* turn(ctx, APPS, AFTER_APP);
}

/** A partner's program that does its work, until somebody else has its key. */
export function* hijackedKey(ctx: Context): Course {
  yield* turn(ctx, PARTNERS, AFTER_KEY);
}

/**
 * In haste or as slow as its owner, from the same address or from elsewhere. Where the thief sits at the owner's address,
 * as malware does, the owner may go on: nobody can tell whose call is whose, so that from there on all of them are bad.
 */
function* turn(ctx: Context, before: readonly string[], after: readonly Run[]): Course {
  const { random, pace, faces } = ctx;
  ctx.posesAs = random.pick(before.filter((name) => name in GOOD_KINDS));
  const owner = GOOD_KINDS[ctx.posesAs]!.run(ctx);
  const ownersNext = yield* beginning(owner, random.chance(0.4) ? Number.POSITIVE_INFINITY : random.logInt(3, 300));
  // Whose credential is stolen had one.
  if (!ctx.credential) yield* enter(ctx);
  ctx.posesAs = null;
  ctx.from = faces - 1;
  ctx.failRun = 0;
  const haste = random.log(0.05, 4);
  ctx.pace = () => pace() * haste;
  const thief = random.pick(after)(ctx);
  if (faces > 1 || ownersNext.done || random.chance(0.5)) yield* thief;
  else yield* sideBySide(ctx, thief, owner, ownersNext);
}

type Move = IteratorResult<Step, void>;

/** The first so many steps of a course; returns the one that comes next, with which it can be gone on. */
function* beginning(course: Course, count: number): Part<Move> {
  let move = course.next();
  for (let left = count; !move.done && left > 0; left--) move = course.next(yield move.value);
  return move;
}

/** A thief's calls and the owner's through each other, until the thief has done. */
function* sideBySide({ random }: Context, thief: Course, owner: Course, ownersNext: Move): Course {
  const share = random.log(0.03, 0.8);
  let own = ownersNext;
  let move = thief.next();
  while (!move.done) {
    if (!own.done && random.chance(share)) own = owner.next(yield own.value);
    else move = thief.next(yield move.value);
  }
}

const PARTS: readonly Run[] = [
  footprinting,
  vulnerabilityScan,
  userEnumeration,
  credentialStuffing,
  passwordSpraying,
  tokenGuessing,
  otpGuessing,
  idEnumeration,
  keyEnumeration,
  scraping,
  parameterFuzzing,
  couponGuessing,
  cardTesting,
  accountCreation,
  smsPumping,
  spamPosting,
  cashingOut,
  steal,
  privilegeProbing,
  webhookAbuse,
];

/** Two to four attacks by one client, with what it had from the one before, and another pace. */
export function* mixedAttack(ctx: Context): Course {
  const { random, pace } = ctx;
  const isShort = random.chance(0.4);
  for (const part of random.shuffle(PARTS).slice(0, random.int(2, 4))) {
    const haste = random.log(0.2, 5);
    ctx.pace = () => pace() * haste;
    ctx.failRun = 0;
    if (isShort) yield* beginning(part(ctx), random.logInt(3, 60));
    else yield* part(ctx);
  }
}
