/** Tools that try passwords. */
import type { Command, Program, Seat } from '../program.ts';
import { flagsOf, linesOf } from './tool-guise.ts';
import {
  bounded,
  debian,
  drawEmails,
  type Errand,
  errandOf,
  ffufPace,
  given,
  inRounds,
  linesFrom,
  pathOf,
  perhapsInRounds,
  sliceOf,
  writeList,
  writePasswords,
} from './tool-seat.ts';

const hydra = {
  label: 'bad',
  tool: 'hydra',
  version: debian('hydra'),
  seconds: 80,
  needs: { apt: ['hydra'] },
} as const;

/** hydra wants colons of a value escaped. */
const escaped = (line: string) => line.replaceAll(':', '\\:');

/** Password grant of the token endpoint: hydra takes a 401, as the JSON log-in gives it, for HTTP authentication and stops. */
function hydraForm({ seat, random, guise }: Errand): string {
  const headers = linesOf(guise).map((line) => `:H=${escaped(line)}`);
  const fields = 'grant_type=password&username=^USER^&password=^PASS^';
  const first = random.chance(0.3) ? '' : ':g=/';
  return `${pathOf(seat, 'token')}:${fields}${first}${headers.join('')}:F=invalid_grant`;
}

function hydraTarget(errand: Errand): string[] {
  const { hostname, port } = new URL(errand.base);
  if (errand.seat.form !== 'basic') return ['-s', port, hostname, 'https-post-form', hydraForm(errand)];
  const path = errand.random.pick(['me', 'scimUsers', 'customers']);
  return ['-s', port, hostname, 'https-get', `${pathOf(errand.seat, path)}:A=BASIC`];
}

/** Tries at once, or seconds between two tries. */
function hydraPace({ seat, random }: Errand): string[] {
  if (seat.form === 'patient') return ['-t', '1', '-c', String(random.int(1, 3))];
  return ['-t', String(random.int(1, 8)), '-W', String(random.int(0, 2))];
}

function hydraCracking(seat: Seat): Command {
  const errand = errandOf(seat);
  const passwords = writePasswords(errand, 40, 400);
  const users = writeList(seat, 'tool-users.txt', drawEmails(errand, errand.random.int(1, 3)));
  const list = seat.form === 'pauses' ? '{PART}' : passwords;
  return perhapsInRounds(errand, passwords, [
    'hydra',
    '-I',
    '-L',
    users,
    '-P',
    list,
    ...hydraPace(errand),
    ...hydraTarget(errand),
  ]);
}

/** One list of stolen pairs, each tried once. */
function hydraStuffing(seat: Seat): Command {
  const errand = errandOf(seat);
  const lines = sliceOf(errand.random, linesFrom(seat, 'RANGE_LEAKED'), errand.random.logInt(60, 500));
  const pairs = writeList(seat, 'tool-pairs.txt', lines);
  const list = seat.form === 'pauses' ? '{PART}' : pairs;
  return perhapsInRounds(errand, pairs, ['hydra', '-I', '-C', list, ...hydraPace(errand), ...hydraTarget(errand)]);
}

/** Few passwords at many accounts: `-u` goes round the accounts first. */
function hydraSpraying(seat: Seat): Command {
  const errand = errandOf(seat);
  const passwords = writePasswords(errand, 1, 4);
  const users = writeList(seat, 'tool-users.txt', drawEmails(errand, errand.random.logInt(40, 200)));
  const list = seat.form === 'pauses' ? '{PART}' : users;
  const command = ['hydra', '-I', '-u', '-L', list, '-P', passwords, ...hydraPace(errand), ...hydraTarget(errand)];
  return perhapsInRounds(errand, users, command);
}

/** Body, content type and the answer that means no, at the JSON log-in or the token endpoint. */
function patatorAim({ seat, random }: Errand): string[] {
  if (random.chance(0.65)) {
    const [body, type] = ['{"email":"FILE1","password":"FILE0"}', 'application/json'];
    return [pathOf(seat, 'login'), body, type, '401'];
  }
  const form = 'application/x-www-form-urlencoded';
  return [pathOf(seat, 'token'), 'grant_type=password&username=FILE1&password=FILE0', form, '400'];
}

function patator(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base, guise } = errand;
  const passwords = writePasswords(errand, 40, 350);
  const users = writeList(seat, 'tool-users.txt', drawEmails(errand, random.int(1, 2)));
  const [path, body, type, no] = patatorAim(errand);
  const headers = [`Content-Type: ${type}`, ...linesOf(guise)].join('\n');
  const pace = ['-t', errand.isSlow ? '1' : String(random.int(1, 8)), `--rate-limit=${errand.waitS.toFixed(2)}`];
  const lists = [`0=${seat.form === 'pauses' ? '{PART}' : passwords}`, `1=${users}`];
  const aim = [`url=${base}${path}`, 'method=POST', `body=${body}`, 'auto_urlencode=0', `header=${headers}`];
  // A defect of this patator with newer libcurl: it fails without an address to resolve to.
  const resolve = `resolve=${new URL(base).hostname}:{ADDRESS}`;
  return perhapsInRounds(errand, passwords, [
    'patator',
    'http_fuzz',
    ...aim,
    resolve,
    ...lists,
    ...pace,
    '-x',
    `ignore:code=${no}`,
  ]);
}

/** HTTP authentication; medusa's form module takes every status but 200 for a fault. */
function medusa(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const { hostname, port } = new URL(errand.base);
  const passwords = writePasswords(errand, 30, 200);
  const users = writeList(seat, 'tool-users.txt', drawEmails(errand, random.int(1, 4)));
  const path = pathOf(seat, random.pick(['me', 'orders', 'customers', 'scimUsers'])).slice(1);
  // It takes four settings at most.
  const agent = guise.agent === undefined ? [] : ['-m', `USER-AGENT:${guise.agent}`];
  const header = guise.headers.slice(0, 1).flatMap(([name, value]) => ['-m', `CUSTOM-HEADER:${name}: ${value}`]);
  const module = ['-M', 'http', '-m', `DIR:${path}`, '-m', 'AUTH:BASIC', ...agent, ...header];
  const list = errand.isSlow ? '{PART}' : passwords;
  const threads = errand.isSlow || random.chance(0.4) ? '1' : String(random.int(1, 6));
  const command = ['medusa', '-h', hostname, '-n', port, '-s', '-U', users, '-P', list, '-t', threads, '-b', ...module];
  // It knows no delay, so that the patient form too runs over parts of its list.
  if (seat.form !== 'patient') return perhapsInRounds(errand, passwords, command);
  return inRounds(errand, { rounds: random.int(12, 30), pause: [0, 4], list: passwords }, command);
}

/** ffuf as password tool: the JSON log-in with the password left open. */
function ffufPasswords(seat: Seat): Command {
  const errand = errandOf(seat);
  const { base } = errand;
  const passwords = writePasswords(errand, 50, 450);
  const body = JSON.stringify({ email: drawEmails(errand, 1)[0], password: 'FUZZ' });
  const pace = ffufPace(errand);
  const list = seat.form === 'pauses' ? '{PART}' : passwords;
  const aim = ['-u', base + pathOf(seat, 'login'), '-X', 'POST', '-d', body, '-H', 'Content-Type: application/json'];
  const command = ['ffuf', '-s', ...aim, '-w', list, '-fc', '401,429,423', ...pace, ...flagsOf(errand.guise, '-H')];
  return perhapsInRounds(errand, passwords, command);
}

/** ffuf guessing bearer tokens at the caller's own record. */
function ffufTokens(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base } = errand;
  const sure = given(seat, 'RANGE_API_KEY').slice(0, 4);
  const guesses = Array.from({ length: random.logInt(40, 400) }, () => (random.chance(0.5) ? sure : '') + random.hex(36));
  const list = writeList(seat, 'tool-tokens.txt', guesses);
  const header = random.pick(['Authorization: Bearer FUZZ', 'X-Api-Key: FUZZ']);
  const pace = ffufPace(errand);
  const aim = ['-u', base + pathOf(seat, random.pick(['me', 'orders'])), '-H', header, '-w', list];
  return bounded(errand, ['ffuf', '-s', ...aim, '-fc', '401', ...pace, ...flagsOf(errand.guise, '-H')]);
}

const ffuf = { label: 'bad', tool: 'ffuf', version: debian('ffuf'), seconds: 80, needs: { apt: ['ffuf'] } } as const;

export const LOGIN_TOOLS: readonly Program[] = [
  {
    ...hydra,
    name: 'hydra',
    kind: 'password-cracking',
    forms: ['plain', 'browser', 'patient', 'mobile', 'pauses', 'basic'],
    clients: 7,
    start: hydraCracking,
  },
  {
    ...hydra,
    name: 'hydra-pairs',
    kind: 'credential-stuffing',
    forms: ['plain', 'browser', 'patient', 'pauses'],
    clients: 4,
    start: hydraStuffing,
  },
  {
    ...hydra,
    name: 'hydra-spraying',
    kind: 'password-spraying',
    forms: ['plain', 'browser', 'patient', 'basic'],
    clients: 4,
    start: hydraSpraying,
  },
  {
    name: 'patator',
    label: 'bad',
    kind: 'password-cracking',
    tool: 'patator',
    version: debian('patator'),
    forms: ['plain', 'browser', 'mobile', 'patient', 'pauses'],
    clients: 8,
    seconds: 80,
    needs: { apt: ['patator'] },
    start: patator,
  },
  {
    name: 'medusa',
    label: 'bad',
    kind: 'password-cracking',
    tool: 'medusa',
    version: debian('medusa'),
    forms: ['plain', 'browser', 'patient', 'mobile', 'pauses'],
    clients: 7,
    seconds: 80,
    needs: { apt: ['medusa'] },
    start: medusa,
  },
  {
    ...ffuf,
    name: 'ffuf-passwords',
    kind: 'password-cracking',
    forms: ['plain', 'browser', 'mobile', 'patient', 'pauses'],
    clients: 5,
    start: ffufPasswords,
  },
  {
    ...ffuf,
    name: 'ffuf-tokens',
    kind: 'token-guessing',
    forms: ['plain', 'browser', 'patient', 'mobile'],
    clients: 4,
    start: ffufTokens,
  },
];
