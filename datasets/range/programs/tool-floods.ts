/** Load tools in the hands of a stranger: more calls than anyone asked for, bounded here in time and number. */
import { join } from 'node:path';
import type { Command, Program, Seat } from '../program.ts';
import { flagsOf, linesOf } from './tool-guise.ts';
import { bounded, debian, drawEmails, type Errand, errandOf, given, inRounds, pathOf, writeList } from './tool-seat.ts';

/** Routes that are dear to the server, and the front page; `isOpen`: those only that ask for no credential. */
function routes({ seat, random, base }: Errand, count: number, isOpen = false): string[] {
  const word = random.pick(['a', 'lamp', 'e', 'set']);
  const dear = [
    pathOf(seat, 'products'),
    `${pathOf(seat, 'products')}?limit=100`,
    `${pathOf(seat, 'search')}?q=${word}`,
    pathOf(seat, 'pages'),
    pathOf(seat, 'health'),
    pathOf(seat, 'feed'),
    ...(isOpen ? [] : [pathOf(seat, 'orders')]),
  ];
  return random
    .shuffle(dear)
    .slice(0, count)
    .map((path) => base + path);
}

const route = (errand: Errand): string => routes(errand, 1)[0]!;

function callsOf({ random, isSlow }: Errand): number {
  return isSlow ? random.logInt(80, 300) : random.logInt(200, 1500);
}

/** `wrk` with a script that stops it after so many calls; patient, it waits between them. */
function wrk(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const connections = errand.isSlow ? random.int(1, 2) : random.int(2, 16);
  const script = join(seat.clients, 'tools', 'flood.lua');
  const paths = routes(errand, random.pick([1, 1, 3, 5])).map((url) => new URL(url).pathname + new URL(url).search);
  const flags = [
    '-t1',
    `-c${connections}`,
    `-d${random.int(errand.isSlow ? 40 : 10, seat.seconds - 6)}s`,
    '-s',
    script,
    ...flagsOf(errand.guise, '-H'),
  ];
  return bounded(errand, ['wrk', ...flags, errand.base], {
    FLOOD_PATHS: paths.join(' '),
    FLOOD_CALLS: String(callsOf(errand)),
    FLOOD_DELAY_MS: errand.isSlow ? String(random.int(200, 900)) : random.pick(['0', '0', '20', '80']),
    FLOOD_SEED: String(seat.seed),
  });
}

/** ApacheBench knows no delay: slow forms run it again and again. */
function ab(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const rounds = errand.isSlow ? random.int(6, 12) : random.pick([1, 1, 2, 4]);
  const calls = Math.ceil(callsOf(errand) / rounds);
  const size = ['-n', String(calls), '-c', String(Math.min(calls, random.int(1, 20))), '-s', '20'];
  const post = random.chance(0.2) ? writeList(seat, 'tool-body.json', [loginBody(errand)]) : '';
  const body = post === '' ? [] : ['-p', post, '-T', 'application/json'];
  const url = post === '' ? route(errand) : errand.base + pathOf(seat, 'login');
  const flags = [...(random.chance(0.6) ? ['-k'] : []), ...body, '-q', ...flagsOf(errand.guise, '-H')];
  return inRounds(errand, { rounds, pause: errand.isSlow ? [2, 7] : [1, 4] }, ['ab', ...size, ...flags, url]);
}

const loginBody = (errand: Errand) => JSON.stringify({ email: drawEmails(errand, 1)[0], password: errand.random.hex(10) });

/** hey always gives its own user agent, so that its forms differ in pace and headers only. */
function hey(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const workers = errand.isSlow ? 1 : random.int(2, 25);
  const calls = Math.max(workers, callsOf(errand));
  const rate =
    seat.form === 'patient' ? ['-q', String(random.int(1, 3))] : random.chance(0.7) ? ['-q', String(random.int(2, 12))] : [];
  const size = ['-n', String(calls), '-c', String(workers), '-t', '10'];
  const kept = random.chance(0.3) ? ['-disable-keepalive'] : [];
  const headers = flagsOf({ headers: errand.guise.headers }, '-H');
  return bounded(errand, ['hey', ...size, ...rate, ...kept, ...headers, route(errand)]);
}

function siege(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  // After a 401 it sends requests that are no HTTP.
  const urls = writeList(seat, 'tool-urls.txt', routes(errand, random.int(1, 6), true));
  const users = errand.isSlow ? 1 : random.int(2, 15);
  const delay = errand.isSlow ? random.real(1, 3).toFixed(1) : random.pick(['0.1', '0.3', '1']);
  const agent = guise.agent === undefined ? [] : ['-A', guise.agent];
  const size = ['-c', String(users), '-r', String(Math.ceil(callsOf(errand) / users / 2)), '-d', delay];
  const flags = ['-q', '-i', '--no-parser', '-f', urls, ...agent, ...flagsOf({ headers: guise.headers }, '-H')];
  return bounded(errand, ['siege', ...size, ...flags]);
}

function locust(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const users = isSlow ? random.int(1, 2) : random.int(3, 25);
  const file = join(seat.clients, 'tools', 'flood_locust.py');
  const length = `${random.int(isSlow ? 35 : 15, seat.seconds - 15)}s`;
  const run = [given(seat, 'RANGE_PYTHON'), '-m', 'locust', '-f', file, '--headless', '--only-summary', '--host', errand.base];
  const size = ['-u', String(users), '-r', String(random.int(1, 10)), '-t', length, '--stop-timeout', '3'];
  return bounded(errand, [...run, ...size], {
    FLOOD_PATHS: routes(errand, random.int(1, 6))
      .map((url) => new URL(url).pathname + new URL(url).search)
      .join(' '),
    FLOOD_CALLS: String(callsOf(errand)),
    FLOOD_DELAY_MS: isSlow ? String(random.int(300, 1200)) : random.pick(['0', '50', '200', '500']),
    FLOOD_HEADERS: linesOf(errand.guise).join('\n'),
    PYTHONDONTWRITEBYTECODE: '1',
    FLOOD_CLIENT: random.pick(['requests', 'fast']),
  });
}

const GUISES = ['plain', 'browser', 'mobile', 'patient'] as const;

function tool(name: string, apt: string, forms: readonly string[], start: Program['start']): Program {
  const common = { label: 'bad', kind: 'flood', clients: 7, seconds: 60 } as const;
  return { ...common, name, tool: name, version: debian(apt), forms, needs: { apt: [apt] }, start };
}

export const FLOOD_TOOLS: readonly Program[] = [
  tool('wrk', 'wrk', GUISES, wrk),
  tool('ab', 'apache2-utils', ['plain', 'browser', 'pauses', 'mobile', 'key'], ab),
  tool('hey', 'hey', ['plain', 'patient', 'browser'], hey),
  tool('siege', 'siege', GUISES, siege),
  {
    ...tool('locust', 'wrk', GUISES, locust),
    version: 'locust 2.47.0',
    needs: { pip: ['locust==2.47.0'] },
  },
];
