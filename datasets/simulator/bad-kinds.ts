/**
 * Attacks by name, each with OWASP's automated threats (OAT-…) or API risks (API…) that it is. Each is run fast and slow,
 * by tools and by libraries dressed as browsers or apps, from one address and from many; to add one, add an entry.
 */

import { attackOf, type Kind } from './actor.ts';
import { accountCreation, cashingOut, smsPumping } from './bad-accounts.ts';
import {
  credentialStuffing,
  distributedStuffing,
  lowAndSlow,
  otpGuessing,
  passwordCracking,
  passwordSpraying,
  tokenGuessing,
  userEnumeration,
} from './bad-credentials.ts';
import { accountAggregation, distributedEnumeration, distributedScraping } from './bad-data.ts';
import { parameterFuzzing, schemaFuzzing } from './bad-fuzzing.ts';
import { graphqlAbuse } from './bad-graphql.ts';
import { injectionScan, pathTraversal, vulnerabilityScan } from './bad-holes.ts';
import { idEnumeration, keyEnumeration } from './bad-ids.ts';
import { footprinting, reconnaissance } from './bad-looks.ts';
import {
  cardCracking,
  cardTesting,
  couponGuessing,
  distributedCardTesting,
  giftCardCracking,
  inventoryHolding,
  scalping,
} from './bad-money.ts';
import { flood, spamPosting } from './bad-nuisances.ts';
import { privilegeProbing, webhookAbuse } from './bad-reaching.ts';
import { scraping } from './bad-scraping.ts';
import { hijackedKey, hijackedSession, mixedAttack } from './bad-turns.ts';
import type { StackName } from './stacks.ts';
import { BROWSERS, LIBRARIES, MOBILE } from './stacks.ts';

const MASKS = { none: 7, 'own-name': 2, browser: 3, 'full-browser': 1.5, 'whole-browser': 2, 'whole-app': 1.5, twin: 1 } as const;
const FEW_MASKS = { none: 8, browser: 2, 'full-browser': 1, 'whole-browser': 0.5 } as const;
/** Who rents hundreds of addresses also takes care of the headers. */
const SWARM_MASKS = { none: 3, 'own-name': 1, browser: 2, 'whole-browser': 3, 'whole-app': 3, twin: 1.5 } as const;
const NO_MASK = { none: 1 } as const;
const ANY: readonly StackName[] = [...LIBRARIES, ...LIBRARIES, ...BROWSERS, ...MOBILE, 'headless'];
/** Loops of one call a process, and downloaders. */
const SHELL: readonly StackName[] = ['shell-loop', 'shell-loop', 'shell-loop', 'download-tool', 'download-tool', 'wget'];
const PROBERS: readonly StackName[] = ['probe-tool', 'probe-tool', 'python-requests', 'ruby', 'shell-loop'];
/** From a tool's full speed to slower than a hand. */
const ANY_PACE = [2, 30_000] as const;

export const BAD_KINDS: Readonly<Record<string, Kind>> = {
  'credential-stuffing': attackOf(
    ['OAT-008'],
    3.5,
    3,
    [...ANY, 'hydra', 'hydra', 'load-tool'],
    MASKS,
    ANY_PACE,
    credentialStuffing,
  ),
  'password-cracking': attackOf(
    ['OAT-007'],
    2,
    3,
    [...LIBRARIES, 'hydra', 'hydra', 'hydra', 'fuzz-tool', 'headless'],
    MASKS,
    [2, 8000],
    passwordCracking,
  ),
  'password-spraying': attackOf(['OAT-007'], 1.5, 1, [...ANY, 'hydra'], MASKS, [50, 200_000], passwordSpraying),
  'token-guessing': attackOf(['API2'], 2, 0, [...LIBRARIES, 'fuzz-tool', 'fuzz-tool'], MASKS, [2, 30_000], tokenGuessing),
  'id-enumeration': attackOf(
    ['API1'],
    5,
    0.5,
    [...ANY, 'fuzz-tool', 'scrapy', ...SHELL, ...SHELL],
    MASKS,
    ANY_PACE,
    idEnumeration,
  ),
  scraping: attackOf(
    ['OAT-011'],
    5,
    6,
    [...ANY, 'scrapy', 'scrapy', 'copy-tool', 'headless', ...SHELL],
    MASKS,
    ANY_PACE,
    scraping,
  ),
  'vulnerability-scan': attackOf(
    ['OAT-014'],
    4,
    12,
    [...LIBRARIES, 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'scan-tool', 'scan-tool', 'scan-tool'],
    MASKS,
    [2, 8000],
    vulnerabilityScan,
  ),
  'injection-scan': attackOf(
    ['OAT-014'],
    3.5,
    4,
    [...LIBRARIES, 'sqlmap', 'sqlmap', 'sqlmap', 'sqlmap', 'scan-tool', 'scan-tool', 'fuzz-tool'],
    MASKS,
    [3, 8000],
    injectionScan,
  ),
  'parameter-fuzzing': attackOf(
    ['OAT-014'],
    3,
    1.5,
    [...LIBRARIES, 'fuzz-tool', 'fuzz-tool', 'fuzz-tool', 'scan-tool'],
    FEW_MASKS,
    [2, 4000],
    parameterFuzzing,
  ),
  'path-traversal': attackOf(['OAT-014'], 1, 2.5, [...LIBRARIES, 'fuzz-tool', 'scan-tool'], MASKS, [3, 6000], pathTraversal),
  'low-and-slow': attackOf(['OAT-007', 'OAT-002', 'OAT-014', 'API1'], 3, 1.5, ANY, MASKS, [4000, 400_000], lowAndSlow),
  'card-testing': attackOf(['OAT-001'], 2, 0, ANY, MASKS, [20, 40_000], cardTesting),
  'coupon-guessing': attackOf(['OAT-002'], 2, 0, ANY, MASKS, [5, 15_000], couponGuessing),
  'account-creation': attackOf(['OAT-019'], 2, 0, ANY, MASKS, [20, 60_000], accountCreation),
  'sms-pumping': attackOf(['API6'], 1.5, 0, ANY, MASKS, [20, 40_000], smsPumping),
  'otp-guessing': attackOf(['OAT-007', 'API2'], 1.2, 0, ANY, MASKS, [2, 30_000], otpGuessing),
  'user-enumeration': attackOf(['OAT-007'], 1.5, 1, ANY, MASKS, [5, 15_000], userEnumeration),
  flood: attackOf(['OAT-015'], 2, 2, ['wrk', 'wrk', 'load-tool', ...LIBRARIES, 'headless'], FEW_MASKS, [0.4, 200], flood),
  'inventory-holding': attackOf(['OAT-021'], 1.5, 0, ANY, MASKS, [20, 60_000], inventoryHolding),
  'hijacked-session': {
    ...attackOf(['API2'], 2.5, 0, [...MOBILE, ...BROWSERS, ...LIBRARIES], NO_MASK, [30, 20_000], hijackedSession),
    turns: true,
  },
  'graphql-abuse': attackOf(['OAT-015', 'API4'], 1.6, 0, [...ANY, 'scan-tool'], MASKS, [3, 20_000], graphqlAbuse),
  'spam-posting': attackOf(['OAT-017'], 1.8, 4, ANY, MASKS, [20, 90_000], spamPosting),
  reconnaissance: attackOf(
    ['OAT-018'],
    2.5,
    6,
    [...ANY, 'scan-tool', ...PROBERS, ...PROBERS],
    MASKS,
    [3, 30_000],
    reconnaissance,
  ),
  'hijacked-key': {
    ...attackOf(['API1', 'API2'], 2, 0, [...LIBRARIES, 'jsforce'], NO_MASK, [5, 15_000], hijackedKey),
    turns: true,
  },
  'key-enumeration': attackOf(
    ['API1'],
    2,
    0,
    [...LIBRARIES, 'scrapy', 'fuzz-tool', ...SHELL],
    MASKS,
    [2, 30_000],
    keyEnumeration,
  ),
  'gift-card-cracking': attackOf(['OAT-002'], 1.2, 0, ANY, MASKS, [5, 15_000], giftCardCracking),
  'card-cracking': attackOf(['OAT-010'], 1.2, 0, ANY, MASKS, [5, 40_000], cardCracking),
  scalping: attackOf(['OAT-005'], 1.2, 0, ANY, MASKS, [50, 8000], scalping),
  'cashing-out': attackOf(['OAT-012'], 2, 0, ANY, MASKS, [20, 60_000], cashingOut),
  'account-aggregation': attackOf(['OAT-020'], 2, 0, [...ANY, ...SHELL], MASKS, [20, 10_000], accountAggregation),
  footprinting: attackOf(
    ['OAT-018'],
    1.5,
    1.5,
    [...LIBRARIES, 'scan-tool', 'fuzz-tool', ...PROBERS],
    MASKS,
    [3, 20_000],
    footprinting,
  ),
  'schema-fuzzing': attackOf(
    ['OAT-014'],
    1.5,
    0.3,
    ['schemathesis', 'schemathesis', 'python-requests', 'httpx', 'postman', 'scan-tool'],
    FEW_MASKS,
    [2, 1000],
    schemaFuzzing,
  ),
  'mixed-attack': attackOf(['OAT-014', 'OAT-008', 'OAT-011', 'API1'], 1.5, 0.5, ANY, MASKS, [5, 10_000], mixedAttack),
  'webhook-abuse': attackOf(['API7'], 1.2, 0, [...ANY, 'scan-tool'], MASKS, [20, 30_000], webhookAbuse),
  'privilege-probing': attackOf(
    ['API5', 'API3'],
    1.8,
    0,
    [...ANY, 'fuzz-tool', 'postman', ...SHELL],
    MASKS,
    [5, 30_000],
    privilegeProbing,
  ),
  'distributed-stuffing': fromMany([50, 400], attackOf(['OAT-008'], 0.45, 0.4, ANY, SWARM_MASKS, ANY_PACE, distributedStuffing)),
  'distributed-scraping': fromMany(
    [30, 200],
    attackOf(['OAT-011'], 0.25, 0.5, [...ANY, 'scrapy', 'headless'], SWARM_MASKS, ANY_PACE, distributedScraping),
  ),
  'distributed-enumeration': fromMany([30, 250], attackOf(['API1'], 0.25, 0, ANY, SWARM_MASKS, ANY_PACE, distributedEnumeration)),
  'distributed-card-testing': fromMany(
    [20, 150],
    attackOf(['OAT-001'], 0.2, 0, ANY, SWARM_MASKS, ANY_PACE, distributedCardTesting),
  ),
};

/** One actor with so many addresses, all of them speaking alike. */
function fromMany(addresses: readonly [number, number], kind: Kind): Kind {
  return { ...kind, addresses };
}
