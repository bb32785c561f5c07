/**
 * Runs one abusive client of the range: `node attack.mjs <behaviour>`, the rest from the environment (see ../../program.ts).
 * RANGE_LIBRARY fixes the HTTP library, which is drawn otherwise. Works against the range's own addresses only.
 */
import { checkUrls, leftMs, main, random } from '../node/seat.mjs';
import { createActor, urls } from './actor.mjs';
import * as data from './data.mjs';
import * as logins from './logins.mjs';
import * as money from './money.mjs';

/** How each goes about it, and how many calls it makes at fewest and at most where the time allows. */
const BEHAVIOURS = {
  'stuffing-script': { run: logins.stuffing, calls: [40, 600] },
  'stuffing-rotating': { run: logins.stuffingRotating, calls: [60, 600] },
  'stuffing-slow': { run: logins.stuffing, calls: [15, 60], pace: 'slow' },
  'stuffing-distributed': { run: logins.stuffingDistributed, calls: [5000, 5000] },
  'password-spraying': { run: logins.spraying, calls: [40, 600] },
  'token-guessing': { run: logins.tokenGuessing, calls: [40, 1500] },
  'sms-pumping': { run: logins.smsPumping, calls: [25, 500] },
  'otp-guessing': { run: logins.otpGuessing, calls: [30, 800] },
  'user-enumeration': { run: logins.userEnumeration, calls: [40, 800] },
  'account-creation': { run: logins.accountCreation, calls: [20, 250] },
  'cashing-out': { run: logins.cashingOut, calls: [25, 200] },
  'card-testing': { run: money.cardTesting, calls: [25, 400] },
  'giftcard-guessing': { run: money.giftcardGuessing, calls: [40, 1200] },
  'coupon-guessing': { run: money.couponGuessing, calls: [25, 600] },
  'inventory-holding': { run: money.inventoryHolding, calls: [30, 500] },
  'enumeration-ordered': { run: data.enumerationOrdered, calls: [40, 1500] },
  'enumeration-shuffled': { run: data.enumerationShuffled, calls: [40, 1500] },
  'enumeration-harvested': { run: data.enumerationHarvested, calls: [40, 1000] },
  'scraper-script': { run: data.scraping, calls: [80, 1500] },
  'graphql-abuse': { run: data.graphqlAbuse, calls: [20, 500] },
  'hijacked-session': { run: data.hijackedSession, calls: [150, 1000] },
  'spam-posting': { run: data.spamPosting, calls: [25, 400] },
  'low-and-slow': { run: data.lowAndSlow, calls: [25, 80], pace: 'human' },
};

await main(async () => {
  checkUrls(urls);
  const behaviour = BEHAVIOURS[process.argv[2]];
  if (behaviour === undefined) throw new Error(`no behaviour ${process.argv[2]}`);
  const { run, calls, pace } = behaviour;
  const actor = await createActor({ pace, most: random.logInt(...calls) });
  await run(actor);
  const answers = Object.entries(actor.statuses).map(([status, count]) => `${status}:${count}`);
  console.log(`${actor.library} ${actor.calls} calls, ${answers.join(' ')}, ${Math.round(leftMs() / 1000)} s left`);
  actor.wire.end();
});
