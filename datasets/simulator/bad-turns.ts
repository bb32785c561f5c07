/** Sessions that turn, and attackers that do several things one after the other. */
import type { Context, Course } from './actor.ts';
import { accountCreation, cashingOut } from './bad-accounts.ts';
import { credentialStuffing, tokenGuessing, userEnumeration } from './bad-credentials.ts';
import { idEnumeration, scraping } from './bad-data.ts';
import { footprinting, injectionScan, parameterFuzzing, vulnerabilityScan } from './bad-holes.ts';
import { cardTesting, couponGuessing } from './bad-money.ts';
import { GOOD_KINDS } from './good-kinds.ts';

const APPS = ['app-user', 'mobile-app', 'browser-app', 'shopper', 'agent-tools', 'search-user'] as const;
const AFTER_APP = [idEnumeration, scraping, parameterFuzzing, vulnerabilityScan, cardTesting, injectionScan, couponGuessing];
const PARTNERS = ['partner-sync', 'backfill', 'cron-export', 'catalogue-partner', 'own-books-export', 'microservice'] as const;
const AFTER_KEY = [idEnumeration, idEnumeration, scraping, parameterFuzzing, injectionScan, footprinting];

/** A good session of a person, then a bad one through the same credential. */
export function* hijackedSession(ctx: Context): Course {
  yield* turn(ctx, APPS, AFTER_APP);
}

/** A partner's program that does its work, until somebody else has its key. */
export function* hijackedKey(ctx: Context): Course {
  yield* turn(ctx, PARTNERS, AFTER_KEY);
}

/** From the same software mostly, in haste mostly; some thieves call from elsewhere. */
function* turn(ctx: Context, before: readonly string[], after: readonly ((ctx: Context) => Course)[]): Course {
  const { random, pace } = ctx;
  ctx.posesAs = random.pick(before);
  yield* GOOD_KINDS[ctx.posesAs]!.run(ctx);
  ctx.posesAs = null;
  ctx.from = ctx.faces - 1;
  const haste = random.log(0.05, 1.5);
  ctx.pace = () => pace() * haste;
  ctx.failRun = 0;
  yield* random.pick(after)(ctx);
}

const PARTS = [
  footprinting,
  vulnerabilityScan,
  userEnumeration,
  credentialStuffing,
  tokenGuessing,
  idEnumeration,
  scraping,
  parameterFuzzing,
  couponGuessing,
  accountCreation,
  cashingOut,
];

/** Two or three attacks by one client, with what it had from the one before, and another pace. */
export function* mixedAttack(ctx: Context): Course {
  const { random, pace } = ctx;
  for (const part of random.shuffle(PARTS).slice(0, random.int(2, 3))) {
    const haste = random.log(0.3, 3);
    ctx.pace = () => pace() * haste;
    ctx.failRun = 0;
    yield* part(ctx);
  }
}
