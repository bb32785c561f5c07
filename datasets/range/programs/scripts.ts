/** Bad programs written for the purpose, on the HTTP libraries that good programs use too: each behaviour over six libraries, plain and in disguise. */
import { join } from 'node:path';
import type { Command, Needs, Program, Seat } from '../program.ts';

const NEEDS: Needs = {
  pip: ['requests==2.34.2', 'httpx[http2]==0.28.1', 'aiohttp==3.14.5'],
  npm: ['undici@7.30.2', 'axios@1.21.1', 'got@14.6.5'],
};
const VERSION = 'requests 2.34.2, httpx 0.28.1, aiohttp 3.14.5, undici 7.30.2, axios 1.21.1, got 14.6.5';

/** Addresses of a client whose forms include `rotate`; it takes 3 to 6 of them. */
const ROTATED = 6;

/**
 * Traits of a form are joined by `+`: browser or mobile (headers), agents (another name at each call), jitter or pauses (pace),
 * rotate (addresses), account or key (a valid credential), decoy (a harmless call after each bad one).
 */
const DISGUISES = ['plain', 'browser', 'mobile', 'jitter', 'pauses', 'browser+jitter', 'mobile+pauses', 'rotate', 'decoy'];
const COMMON = [...DISGUISES, 'mobile+jitter+decoy'];
const WITH_ACCOUNT = [...DISGUISES, 'account', 'mobile+account+jitter', 'browser+account+decoy'];
const WITH_KEY = ['plain', 'key', 'account', 'browser+account', 'mobile+account', 'key+jitter', 'account+jitter', 'key+pauses'];
const ENUMERATION = [...WITH_KEY, 'account+rotate', 'mobile+account+decoy', 'key+decoy', 'browser+account+jitter'];
const COPYING = [...DISGUISES, 'agents', 'agents+rotate', 'agents+jitter'];
const SLOW = ['plain', 'browser', 'mobile', 'rotate', 'decoy', 'browser+decoy', 'mobile+rotate', 'agents'];
const HUMAN = ['plain', 'browser', 'mobile', 'browser+account', 'mobile+account', 'rotate', 'browser+rotate', 'mobile'];

function attack(behaviour: string): (seat: Seat) => Command {
  return ({ clients }) => ({ file: 'node', args: [join(clients, 'attacks', 'attack.mjs'), behaviour] });
}

/** As many clients as forms, so that each form is dealt once. */
function script(name: string, kind: string, forms: readonly string[], seconds: number, addresses = 1): Program {
  const most = forms.some((form) => form.includes('rotate')) ? Math.max(addresses, ROTATED) : addresses;
  return {
    name,
    label: 'bad',
    kind,
    tool: name,
    version: VERSION,
    forms,
    clients: forms.length,
    addresses: most,
    seconds,
    needs: NEEDS,
    start: attack(name),
  };
}

export const SCRIPTS: readonly Program[] = [
  script('stuffing-script', 'credential-stuffing', COMMON, 70),
  script(
    'stuffing-rotating',
    'credential-stuffing',
    ['plain', 'browser', 'mobile', 'jitter', 'pauses', 'agents', 'decoy', 'mobile+jitter'],
    70,
    20,
  ),
  script('stuffing-slow', 'credential-stuffing', SLOW, 150),
  script(
    'stuffing-distributed',
    'credential-stuffing',
    ['requests', 'httpx', 'aiohttp+mobile', 'undici', 'axios+browser', 'got'],
    150,
    300,
  ),
  script('password-spraying', 'password-spraying', COMMON, 80),
  script('token-guessing', 'token-guessing', COMMON, 60),
  script('user-enumeration', 'user-enumeration', COMMON, 70),
  script('account-creation', 'account-creation', COMMON, 80),
  script('sms-pumping', 'sms-pumping', COMMON, 80),
  script('otp-guessing', 'otp-guessing', COMMON, 80),
  script('cashing-out', 'cashing-out', COMMON, 100),
  script('card-testing', 'card-testing', WITH_ACCOUNT, 90),
  script('giftcard-guessing', 'coupon-guessing', WITH_ACCOUNT, 80),
  script('coupon-guessing', 'coupon-guessing', WITH_ACCOUNT, 80),
  script('inventory-holding', 'inventory-holding', WITH_ACCOUNT, 120),
  script('enumeration-ordered', 'id-enumeration', ENUMERATION, 90),
  script('enumeration-shuffled', 'id-enumeration', ENUMERATION, 90),
  script('enumeration-harvested', 'id-enumeration', ENUMERATION, 90),
  script('scraper-script', 'scraping', COPYING, 100),
  script('graphql-abuse', 'graphql-abuse', ENUMERATION, 80),
  script('spam-posting', 'spam-posting', WITH_ACCOUNT, 90),
  script('low-and-slow', 'low-and-slow', HUMAN, 150),
  // The form has to be this one: the range tells such a client when to turn, and labels it by that.
  { ...script('hijacked-session', 'hijacked-session', ['hijack'], 120, 2), clients: 14 },
];
