/** Seats: what one client of the range is handed. Names and addresses say nothing of who sits there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createRandom } from '../simulator/random.ts';
import { codeOf } from './api-access.ts';
import { credentialsOf, leakedLines, MAX_SEATS, type World } from './api-world.ts';
import type { Site } from './gateways.ts';
import { CLIENTS_DIR, RANGE_DIR, TLS_DIR, VENV_BIN, WORK_DIR } from './places.ts';
import type { Seat } from './program.ts';
import { commonPasswords, pathWords } from './words.ts';

const DOMAIN = 'range.test';
const PER_NET = 250;
/** Host names and addresses that can be told apart. */
export const MAX_HOSTS = 9999;

export function hostName(n: number): string {
  return `h${String(n).padStart(4, '0')}.${DOMAIN}`;
}

/** Server address of the n-th host, in 127.20.0.0/16. */
export function hostAddress(n: number): string {
  return `127.20.${Math.floor(n / PER_NET)}.${(n % PER_NET) + 1}`;
}

/** Lines of /etc/hosts for hosts 0 to count - 1. */
export function hostLines(count: number): string {
  const names = Array.from({ length: count }, (_, n) => `${hostAddress(n)} ${hostName(n)}`);
  return ['127.0.0.1 localhost', '::1 localhost ip6-localhost', ...names, ''].join('\n');
}

export interface SeatPlan {
  /** Which credentials, below MAX_SEATS. */
  readonly seat: number;
  readonly hosts: readonly number[];
  readonly seed: number;
  readonly form: string;
  readonly seconds: number;
  /** Seconds after its start at which a hijacked client turns, 0 for the others. */
  readonly turn: number;
}

/** Makes the seat's folder and files, and the environment of its command. */
export function prepareSeat(plan: SeatPlan, world: World, site: Site, runFolder: string): Seat {
  const folder = join(runFolder, 'seats', String(plan.seat));
  mkdirSync(folder, { recursive: true });
  const urls = plan.hosts.map((n) => `https://${hostName(n)}:${site.port}`);
  const files = { ...writeLists(folder, plan, world), ...writeIds(runFolder, world) };
  seedCalendar(site.caldavFolder, credentialsOf(world, plan.seat).email, plan.seed);
  const env = { ...baseEnv(), ...seatEnv(plan, world, urls), ...files, HOME: folder };
  const { seed, form, seconds } = plan;
  return { seed, form, seconds, urls, api: world.shape.map, env, folder, work: WORK_DIR, clients: CLIENTS_DIR };
}

function writeLists(folder: string, plan: SeatPlan, world: World): Record<string, string> {
  const random = createRandom(plan.seed);
  const lists = {
    RANGE_LEAKED: ['leaked.txt', leakedLines(world, random, 600)],
    RANGE_WORDS: ['words.txt', pathWords(random)],
    RANGE_PASSWORDS: ['passwords.txt', commonPasswords(random)],
    RANGE_API_FILE: ['api.json', [JSON.stringify(world.shape.map)]],
  } as const;
  return Object.fromEntries(
    Object.entries(lists).map(([name, [file, lines]]) => {
      const path = join(folder, file);
      writeFileSync(path, `${lines.join('\n')}\n`);
      return [name, path];
    }),
  );
}

/** What a client with a database of its own, or a thief of one, knows: the ids, oldest first. One copy for all seats. */
function writeIds(runFolder: string, world: World): Record<string, string> {
  const files = { RANGE_IDS: join(runFolder, 'order-ids.txt'), RANGE_CUSTOMER_IDS: join(runFolder, 'customer-ids.txt') };
  if (!existsSync(files.RANGE_CUSTOMER_IDS)) {
    writeFileSync(files.RANGE_IDS, `${world.orderIds.join('\n')}\n`);
    writeFileSync(files.RANGE_CUSTOMER_IDS, `${world.customerIds.join('\n')}\n`);
  }
  return files;
}

/** Further users of the same office or backend; each seat draws its own dozen from those that no seat owns. */
const FELLOWS = 12;

function fellowsOf(plan: SeatPlan, world: World): string {
  const random = createRandom(plan.seed + 2);
  const users = Array.from({ length: FELLOWS }, () => world.users[random.int(MAX_SEATS, world.users.length - 1)]!);
  return users.map(({ email, password }) => `${email}:${password}`).join(' ');
}

function seatEnv(plan: SeatPlan, world: World, urls: readonly string[]): Record<string, string> {
  const own = credentialsOf(world, plan.seat);
  return {
    RANGE_URL: urls[0]!,
    RANGE_URLS: urls.join(' '),
    RANGE_API: JSON.stringify(world.shape.map),
    RANGE_SEED: String(plan.seed),
    RANGE_FORM: plan.form,
    RANGE_SECONDS: String(plan.seconds),
    RANGE_TURN: String(plan.turn),
    RANGE_EMAIL: own.email,
    RANGE_PASSWORD: own.password,
    RANGE_ACCOUNTS: fellowsOf(plan, world),
    RANGE_PHONE: own.phone,
    RANGE_OTP: codeOf(own.phone),
    RANGE_API_KEY: own.apiKey,
    RANGE_CLIENT_ID: own.clientId,
    RANGE_CLIENT_SECRET: own.clientSecret,
    RANGE_CARD: own.card,
    RANGE_COUPON: own.coupon,
    RANGE_GIFTCARD: own.giftcard,
  };
}

/** What every command gets: trust in the range's certificate, and the tools that set-up brought. */
export function baseEnv(): Record<string, string> {
  const ca = join(TLS_DIR, 'ca.pem');
  const trust = `-Djavax.net.ssl.trustStore=${join(TLS_DIR, 'trust.p12')} -Djavax.net.ssl.trustStorePassword=changeit`;
  return {
    PATH: [join(WORK_DIR, 'bin'), process.env.PATH, VENV_BIN, join(WORK_DIR, 'node/node_modules/.bin')].join(delimiter),
    LANG: 'C.UTF-8',
    TMPDIR: process.env.TMPDIR ?? '/tmp',
    RANGE_DIR,
    RANGE_WORK: WORK_DIR,
    RANGE_PYTHON: join(VENV_BIN, 'python'),
    RANGE_CA: ca,
    SSL_CERT_FILE: ca,
    REQUESTS_CA_BUNDLE: ca,
    CURL_CA_BUNDLE: ca,
    NODE_EXTRA_CA_CERTS: ca,
    NODE_PATH: join(WORK_DIR, 'node/node_modules'),
    JAVA_TOOL_OPTIONS: trust,
  };
}

/** A calendar with a few events, so that a sync client has something to find. */
function seedCalendar(storage: string, user: string, seed: number): void {
  const folder = join(storage, 'collection-root', user, 'calendar');
  mkdirSync(folder, { recursive: true });
  const props = { tag: 'VCALENDAR', 'D:displayname': 'calendar', 'C:supported-calendar-component-set': 'VEVENT' };
  writeFileSync(join(folder, '.Radicale.props'), JSON.stringify(props));
  const random = createRandom(seed + 1);
  for (let i = random.int(5, 25); i > 0; i--) {
    const uid = random.uuid();
    writeFileSync(join(folder, `${uid}.ics`), eventText(uid, random.int(1, 28), random.int(8, 18)));
  }
}

function eventText(uid: string, day: number, hour: number): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const start = `202601${two(day)}T${two(hour)}0000Z`;
  const event = ['BEGIN:VEVENT', `UID:${uid}`, `DTSTAMP:${start}`, `DTSTART:${start}`, 'SUMMARY:Meeting', 'END:VEVENT'];
  return ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//range//EN', ...event, 'END:VCALENDAR', ''].join('\r\n');
}
