/** Tools that look for what was not meant to be found: hidden paths, holes, parameters, objects of others. */
import { join } from 'node:path';
import type { Command, Program, Seat } from '../program.ts';
import { flagsOf, linesOf } from './tool-guise.ts';
import {
  bounded,
  DEBIAN_PATH,
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
  prefixOf,
  sliceOf,
  writeList,
  writeWords,
} from './tool-seat.ts';

const NUMBER_OF_THREADS = [1, 12] as const;

function threads({ random, isSlow }: Errand): string {
  return isSlow ? String(random.int(1, 2)) : String(random.int(...NUMBER_OF_THREADS));
}

/** Words for a run: few where the tool is to be slow. */
function words(errand: Errand): string {
  return errand.isSlow ? writeWords(errand, 80, 250) : writeWords(errand, 120, 1400);
}

const listOf = ({ seat }: Errand, list: string) => (seat.form === 'pauses' ? '{PART}' : list);

/** Where paths are guessed: at the root or under the API's prefix. */
function somewhere({ seat, random, base }: Errand): string {
  return base + random.pick(['', prefixOf(seat), prefixOf(seat)]);
}

function ffuf(seat: Seat): Command {
  const errand = errandOf(seat);
  const list = words(errand);
  const aim = ['-u', `${somewhere(errand)}/FUZZ`, '-w', listOf(errand, list)];
  return perhapsInRounds(errand, list, ['ffuf', '-s', ...aim, ...ffufPace(errand), ...flagsOf(errand.guise, '-H')]);
}

/** Orders of others, upwards or shuffled from an own one on, with a user's token; with a partner's key customers too. */
function ffufIds(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base } = errand;
  const kind = seat.form === 'key' && random.chance(0.4) ? 'customer' : 'order';
  const bearer = seat.form === 'key' ? [] : ['-H', 'Authorization: Bearer {TOKEN}'];
  const aim = ['-u', base + pathOf(seat, kind, 'FUZZ'), '-w', '{IDS}', '-mc', '200', ...bearer];
  const command = ['ffuf', '-s', ...aim, ...ffufPace(errand), ...flagsOf(errand.guise, '-H')];
  const started = inRounds(errand, { rounds: 1, pause: [0, 0] }, command);
  const count = errand.isSlow ? random.logInt(30, 150) : random.logInt(40, 700);
  const ids = {
    TOOL_IDS: String(count),
    TOOL_ORDER: random.pick(['up', 'shuffled', 'up', 'down']),
    TOOL_LIST: `${base}${pathOf(seat, `${kind}s`)}?limit=5`,
  };
  return { ...started, env: { ...started.env, ...ids } };
}

const PARAMETERS = [
  'admin',
  'debug',
  'role',
  'user_id',
  'owner',
  'limit',
  'fields',
  'include',
  'test',
  'callback',
  'format',
  'sort',
];

/** Names or values of parameters at a route that takes some. */
function parameterAim({ seat, random, base }: Errand): string {
  const route = base + pathOf(seat, random.pick(['products', 'search', 'orders', 'me', 'health']));
  return random.chance(0.5) ? `${route}?FUZZ=1` : `${route}?${random.pick(PARAMETERS)}=FUZZ`;
}

function ffufParameters(seat: Seat): Command {
  const errand = errandOf(seat);
  const list = words(errand);
  const aim = ['-u', parameterAim(errand), '-w', listOf(errand, list), '-mc', 'all', '-ac'];
  return perhapsInRounds(errand, list, ['ffuf', '-s', ...aim, ...ffufPace(errand), ...flagsOf(errand.guise, '-H')]);
}

function gobuster(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const list = words(errand);
  const agent = guise.agent === undefined ? [] : ['-a', guise.agent];
  const pace = ['-t', threads(errand), '--delay', `${Math.round(errand.waitS * 1000)}ms`];
  const aim = ['-u', somewhere(errand), '-w', listOf(errand, list), ...(random.chance(0.3) ? ['-m', 'HEAD'] : [])];
  const flags = [...agent, ...flagsOf({ headers: guise.headers }, '-H'), ...pace];
  return perhapsInRounds(errand, list, ['gobuster', 'dir', '-k', '-q', '-z', ...aim, ...flags]);
}

function dirb(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const list = words(errand);
  const agent = guise.agent === undefined ? [] : ['-a', guise.agent];
  // One flag holds all headers.
  const headers = guise.headers.length === 0 ? [] : ['-H', linesOf({ headers: guise.headers }).join('\r\n')];
  const pace = ['-z', String(Math.round(errand.waitS * 1000))];
  const more = random.chance(0.3) ? ['-X', random.pick(['.json', '.bak', ',.php'])] : [];
  const command = [
    'dirb',
    `${somewhere(errand)}/`,
    listOf(errand, list),
    '-S',
    '-r',
    '-w',
    ...agent,
    ...headers,
    ...pace,
    ...more,
  ];
  return perhapsInRounds(errand, list, command);
}

function wfuzz(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const list = words(errand);
  const pace = ['-t', threads(errand), '-s', errand.waitS.toFixed(2)];
  const aim = random.chance(0.6) ? [`${somewhere(errand)}/FUZZ`] : [parameterAim(errand)];
  const flags = ['--hc', '404', ...pace, ...flagsOf(errand.guise, '-H')];
  return perhapsInRounds(errand, list, ['wfuzz', '-w', listOf(errand, list), ...flags, ...aim]);
}

function dirsearch(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const list = words(errand);
  const agent = guise.agent === undefined ? [] : [`--user-agent=${guise.agent}`];
  const pace = ['-t', threads(errand), '-s', errand.waitS.toFixed(2)];
  const aim = ['-u', `${somewhere(errand)}/`, '-w', listOf(errand, list)];
  const flags = [...agent, ...flagsOf({ headers: guise.headers }, '-H'), ...pace, '-e', random.pick(['php', 'json,bak', 'zip'])];
  const command = ['dirsearch', '-b', '-q', ...aim, ...flags, '-o', join(seat.folder, 'dirsearch.txt')];
  return withDebianPath(perhapsInRounds(errand, list, command));
}

const withDebianPath = (command: Command): Command => ({ ...command, env: { ...command.env, ...DEBIAN_PATH } });

/** Where an injection is tried. */
function sqlmapAim(errand: Errand): string[] {
  const { seat, random, base } = errand;
  const at = random.weighted({ search: 3, list: 2, order: 2, login: 3, query: 1 });
  if (at === 'search') return ['-u', `${base}${pathOf(seat, 'search')}?q=lamp&page=1`, '-p', 'q'];
  if (at === 'list') return ['-u', `${base}${pathOf(seat, 'products')}?limit=20&sort=name`];
  if (at === 'order') return ['-u', base + pathOf(seat, 'order', '1001*')];
  if (at === 'query') return ['-u', `${base}${pathOf(seat, 'query')}?q=SELECT+Id+FROM+Account*`];
  const body = JSON.stringify({ email: drawEmails(errand, 1)[0], password: 'x' });
  return ['-u', base + pathOf(seat, 'login'), '--data', body];
}

function sqlmap(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const level = errand.isSlow ? 1 : random.int(1, 3);
  const pace = errand.waitS === 0 ? ['--threads', String(random.int(1, 4))] : ['--delay', errand.waitS.toFixed(2)];
  const depth = [`--level=${level}`, `--risk=${random.int(1, 2)}`, `--output-dir=${join(seat.folder, 'sqlmap')}`];
  const quiet = ['--batch', '--flush-session', '-v', '0', '--ignore-code', '*'];
  const key = seat.form === 'token' ? ['-H', 'Authorization: Bearer {TOKEN}'] : [];
  const tamper = random.chance(0.25) ? ['--tamper', random.pick(['space2comment', 'randomcase', 'between'])] : [];
  const flags = [...quiet, ...depth, ...pace, ...tamper, ...key, ...flagsOf(errand.guise, '-H')];
  return inRounds(errand, { rounds: 1, pause: [0, 0] }, ['sqlmap', ...sqlmapAim(errand), ...flags]);
}

/** Modules that reach for servers outside are left out. */
const WAPITI_MODULES = [
  'sql',
  'xss',
  'exec',
  'file',
  'crlf',
  'backup',
  'permanentxss',
  'csp',
  'http_headers',
  'methods',
  'redirect',
];

function wapiti(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base, guise } = errand;
  const modules = random.shuffle(WAPITI_MODULES).slice(0, random.int(3, 5));
  const starts = ['search', 'products', 'orders', 'login'].flatMap((name) => ['-s', `${base}${pathOf(seat, name)}?q=a&page=1`]);
  const force = seat.form === 'patient' ? 'sneaky' : random.pick(['polite', 'normal']);
  const limits = [
    '--max-scan-time',
    String(seat.seconds / 2),
    '--max-attack-time',
    '20',
    '--max-links-per-page',
    '15',
    '-d',
    '3',
  ];
  const own = ['--store-session', join(seat.folder, 'wapiti'), '-o', join(seat.folder, 'wapiti.json'), '-f', 'json'];
  const agent = guise.agent === undefined ? [] : ['-A', guise.agent];
  const flags = [
    '-S',
    force,
    '--no-bugreport',
    '--flush-session',
    '-v',
    '0',
    ...agent,
    ...flagsOf({ headers: guise.headers }, '-H'),
  ];
  const command = ['wapiti', '-u', `${base}/`, ...starts, ...limits, ...own, ...flags, '-m'];
  if (seat.form !== 'pauses') return bounded(errand, [...command, modules.join(',')]);
  // One module a round.
  const list = writeList(seat, 'tool-modules.txt', modules);
  return inRounds(errand, { rounds: modules.length, pause: [2, 12], list }, [...command, '{LINE}']);
}

/** A list of addresses to look at: pages, API routes, words. */
function lookouts({ seat, random, base }: Errand, count: number): string[] {
  const names = [
    'pages',
    'products',
    'search',
    'me',
    'login',
    'health',
    'metrics',
    'openapi',
    'graphql',
    'admin',
    'scimUsers',
    'dav',
  ];
  const guesses = sliceOf(random, linesFrom(seat, 'RANGE_WORDS'), count).map((word) => `${base}/${encodeURIComponent(word)}`);
  return random.shuffle([...names.map((name) => base + pathOf(seat, name)), ...guesses]);
}

function whatweb(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const urls = lookouts(errand, random.logInt(10, errand.isSlow ? 40 : 200));
  const list = writeList(seat, 'tool-urls.txt', urls);
  const agent = guise.agent === undefined ? [] : ['-U', guise.agent];
  const pace = ['--max-threads', threads(errand), ...(seat.form === 'patient' ? ['--wait', '1'] : [])];
  const depth = ['-a', random.pick(['1', '3', '3', '4'])];
  const flags = [...depth, '-q', '--no-errors', ...agent, ...flagsOf({ headers: guise.headers }, '-H'), ...pace];
  return perhapsInRounds(errand, list, ['whatweb', ...flags, '-i', listOf(errand, list)]);
}

const FINGERPRINTS = ['general', 'attacks', 'cms', 'security', 'management', 'database', 'microsoft', 'printer'];

/** nmap's web scripts: http-enum goes through nikto-like fingerprints. */
function nmap(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const { hostname, port } = new URL(errand.base);
  const more = random.shuffle([
    'http-methods',
    'http-headers',
    'http-robots.txt',
    'http-title',
    'http-backup-finder',
    'http-sql-injection',
  ]);
  const scripts = ['http-enum', ...more.slice(0, random.int(1, 4))].map((name) => `+${name}`).join(',');
  const category = random.pick(FINGERPRINTS);
  const agent = guise.agent === undefined ? [] : [`http.useragent="${guise.agent}"`];
  const pipeline = errand.isSlow ? '1' : String(random.int(2, 20));
  const some = errand.isSlow || random.chance(0.7) ? [`http-enum.category=${category}`] : [];
  const settings = [...some, `http.max-pipeline=${pipeline}`, 'httpspider.maxpagecount=20', ...agent];
  // Only `-sV` finds out that a port speaks TLS.
  const flags = [
    '-Pn',
    '-n',
    '-sT',
    '-sV',
    '--version-intensity',
    '1',
    '--unprivileged',
    '-p',
    port,
    '--max-parallelism',
    errand.isSlow ? '1' : '10',
  ];
  return bounded(errand, ['nmap', ...flags, '--script', scripts, '--script-args', settings.join(','), hostname]);
}

function schemathesis(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base } = errand;
  const rate = seat.form === 'patient' ? ['--rate-limit', `${random.int(40, 90)}/m`] : ['--rate-limit', `${random.int(4, 25)}/s`];
  const phases = random.pick(['fuzzing', 'coverage', 'coverage,fuzzing', 'examples,coverage,fuzzing', 'fuzzing,stateful']);
  const depth = ['--phases', phases, '-n', String(random.int(5, 40)), '--seed', String(seat.seed), '--no-shrink'];
  const mode = ['-m', random.pick(['negative', 'all', 'all']), '-w', errand.isSlow ? '1' : String(random.int(1, 3))];
  const limit = ['--max-failures', '500', '--continue-on-failure', '--tls-verify', 'false', '--suppress-health-check', 'all'];
  const bearer = seat.form === 'token' ? ['-H', 'Authorization: Bearer {TOKEN}'] : [];
  const flags = [...depth, ...mode, ...rate, ...limit, ...bearer, ...flagsOf(errand.guise, '-H')];
  const tool = join(given(seat, 'RANGE_PYTHON'), '..', 'schemathesis');
  return inRounds(errand, { rounds: 1, pause: [0, 0] }, [tool, 'run', base + pathOf(seat, 'openapi'), '-u', base, ...flags]);
}

function arjun(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base, guise } = errand;
  const method = random.pick(['GET', 'GET', 'POST', 'JSON']);
  const read = ['products', 'search', 'orders', 'me', 'customers', 'health'];
  const routes = method === 'GET' ? read : ['signup', 'payments', 'reset', 'cart'];
  const urls = random.shuffle(routes).slice(0, random.int(2, 4));
  const list = writeList(
    seat,
    'tool-urls.txt',
    urls.map((name) => base + pathOf(seat, name)),
  );
  const delay = errand.waitS === 0 ? [] : ['-d', errand.waitS.toFixed(2)];
  const pace = errand.isSlow ? ['-t', '1', ...delay] : ['-t', String(random.int(1, 6)), ...delay];
  const lines = linesOf(guise);
  const headers = lines.length === 0 ? [] : ['--headers', lines.join('\n')];
  const depth = ['-c', String(random.pick([50, 100, 250])), '-m', method, '-oJ', join(seat.folder, 'arjun.json')];
  const tool = join(given(seat, 'RANGE_PYTHON'), '..', 'arjun');
  return bounded(errand, [tool, '-q', '-i', list, ...depth, ...pace, ...headers]);
}

function tool(name: string, seconds: number, more: Program['needs'] = {}) {
  const needs = { ...more, apt: [name, ...(more.apt ?? [])] };
  return { name, label: 'bad', tool: name, version: debian(name), seconds, needs } as const;
}

const GUISES = ['plain', 'browser', 'patient', 'mobile', 'pauses', 'key'] as const;

export const SCAN_TOOLS: readonly Program[] = [
  { ...tool('ffuf', 90), kind: 'vulnerability-scan', forms: GUISES, clients: 6, start: ffuf },
  {
    ...tool('ffuf', 90),
    name: 'ffuf-ids',
    kind: 'id-enumeration',
    forms: ['token', 'browser', 'key', 'patient', 'mobile'],
    clients: 7,
    start: ffufIds,
  },
  { ...tool('ffuf', 90), name: 'ffuf-parameters', kind: 'parameter-fuzzing', forms: GUISES, clients: 5, start: ffufParameters },
  { ...tool('gobuster', 90), kind: 'vulnerability-scan', forms: GUISES, clients: 8, start: gobuster },
  { ...tool('dirb', 90), kind: 'vulnerability-scan', forms: GUISES, clients: 7, start: dirb },
  { ...tool('wfuzz', 90), kind: 'parameter-fuzzing', forms: GUISES, clients: 8, start: wfuzz },
  {
    ...tool('dirsearch', 90, { apt: ['python3-chardet'] }),
    kind: 'vulnerability-scan',
    forms: GUISES,
    clients: 7,
    start: dirsearch,
  },
  {
    ...tool('sqlmap', 100),
    kind: 'injection-scan',
    forms: ['plain', 'browser', 'patient', 'mobile', 'key', 'token'],
    clients: 9,
    start: sqlmap,
  },
  {
    ...tool('wapiti', 110),
    kind: 'vulnerability-scan',
    forms: ['plain', 'browser', 'pauses', 'mobile', 'key'],
    clients: 7,
    start: wapiti,
  },
  { ...tool('whatweb', 90), kind: 'reconnaissance', forms: GUISES, clients: 7, start: whatweb },
  { ...tool('nmap', 90), kind: 'vulnerability-scan', forms: ['plain', 'browser', 'patient', 'mobile'], clients: 7, start: nmap },
  {
    name: 'schemathesis',
    label: 'bad',
    kind: 'parameter-fuzzing',
    tool: 'schemathesis',
    version: 'schemathesis 4.32.5',
    forms: ['plain', 'token', 'browser', 'patient', 'key', 'mobile'],
    clients: 8,
    seconds: 90,
    needs: { pip: ['schemathesis==4.32.5'] },
    start: schemathesis,
  },
  {
    name: 'arjun',
    label: 'bad',
    kind: 'parameter-fuzzing',
    tool: 'arjun',
    version: 'arjun 2.2.7',
    forms: ['plain', 'mobile', 'patient', 'browser', 'key'],
    clients: 7,
    seconds: 90,
    needs: { pip: ['arjun==2.2.7'] },
    start: arjun,
  },
];
