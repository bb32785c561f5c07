/** Further tools off the shelf in a stranger's hands: load tools as floods and as a harness for stuffing, a schema guesser, recognisers. */
import { join } from 'node:path';
import type { Command, Program, Seat } from '../program.ts';
import { flagsOf, linesOf } from './tool-guise.ts';
import { bounded, debian, type Errand, errandOf, given, inRounds, linesFrom, pathOf, sliceOf, writeList } from './tool-seat.ts';

function routeOf({ seat, random, base }: Errand): string {
  const word = random.pick(['a', 'lamp', 'desk', 'oak']);
  const products = pathOf(seat, 'products');
  return (
    base + random.pick([products, `${products}?limit=100`, `${pathOf(seat, 'search')}?q=${word}`, '/', pathOf(seat, 'orders')])
  );
}

const callsOf = ({ random, isSlow }: Errand) => (isSlow ? random.logInt(60, 250) : random.logInt(200, 1200));
const secondsOf = ({ seat, random }: Errand) => `${random.int(8, Math.max(9, seat.seconds - 15))}s`;

function bombardier(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const rate = isSlow ? ['-r', String(random.int(2, 8))] : random.chance(0.5) ? ['-r', String(random.int(15, 120))] : [];
  const protocol = random.pick([[], ['--http1'], ['--http2']]);
  const size = ['-n', String(callsOf(errand)), '-c', String(isSlow ? 1 : random.int(2, 30)), '-k', '-q'];
  return bounded(errand, ['bombardier', ...size, ...rate, ...protocol, ...flagsOf(errand.guise, '-H'), routeOf(errand)]);
}

function vegeta(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const rate = isSlow ? random.int(2, 6) : random.int(15, 50);
  const targets = Array.from({ length: random.int(1, 5) }, () => `GET ${routeOf(errand)}`);
  const list = writeList(seat, 'targets.txt', targets);
  const flags = ['-targets', list, '-rate', String(rate), '-duration', secondsOf(errand), '-insecure', '-output', '/dev/null'];
  return bounded(errand, ['vegeta', 'attack', ...flags, ...flagsOf(errand.guise, '-header')]);
}

function autocannon(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const rate = isSlow ? ['-R', String(random.int(2, 6))] : random.chance(0.5) ? ['-R', String(random.int(20, 100))] : [];
  const size = ['-a', String(callsOf(errand)), '-c', String(isSlow ? 1 : random.int(3, 30)), '-n'];
  const body = JSON.stringify({ email: 'a@mail.example', password: random.hex(8) });
  const post = random.chance(0.2) ? ['-m', 'POST', '-b', body, '-H', 'content-type: application/json'] : [];
  const url = post.length > 0 ? errand.base + pathOf(seat, 'login') : routeOf(errand);
  return bounded(errand, ['autocannon', ...size, ...rate, ...post, ...flagsOf(errand.guise, '-H'), url]);
}

/** Over HTTP/2 or 1.1; more clients at once than it may start in a second it refuses. */
function h2load(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const clients = isSlow ? 1 : random.int(2, 20);
  const calls = Math.max(clients, callsOf(errand));
  const protocol = random.chance(0.3) ? ['--h1'] : ['-m', String(random.int(1, 8))];
  const pace = isSlow ? ['--rps', String(random.int(2, 6))] : random.chance(0.5) ? ['--rps', String(random.int(5, 40))] : [];
  const size = ['-n', String(calls), '-c', String(clients)];
  return bounded(errand, ['h2load', ...size, ...protocol, ...pace, ...flagsOf(errand.guise, '-H'), routeOf(errand)]);
}

/** httperf knows no CA and no list of headers but one text. */
function httperf(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const { hostname, port, pathname, search } = new URL(routeOf(errand));
  const per = random.pick([1, 1, 5, 20]);
  const connections = Math.max(2, Math.ceil(callsOf(errand) / per));
  const where = ['--server', hostname, '--port', port, '--ssl', '--uri', pathname + search, '--timeout', '8'];
  const size = ['--num-conns', String(connections), '--num-calls', String(per), '--rate', String(isSlow ? 1 : random.int(3, 40))];
  const headers = linesOf(errand.guise).map((line) => `${line}\\n`);
  return bounded(errand, ['httperf', ...where, ...size, ...(headers.length > 0 ? ['--add-header', headers.join('')] : [])]);
}

/** Leaked pairs through a load test, as its users are many and its rate is steady. */
function locustStuffing(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  const pairs = sliceOf(random, random.shuffle(linesFrom(seat, 'RANGE_LEAKED')), random.logInt(60, 500));
  const file = join(seat.clients, 'attacks', 'stuffing_locust.py');
  const run = [given(seat, 'RANGE_PYTHON'), '-m', 'locust', '-f', file, '--headless', '--only-summary', '--host', errand.base];
  const users = String(isSlow ? 1 : random.int(2, 12));
  return bounded(errand, [...run, '-u', users, '-r', '5', '-t', `${seat.seconds - 15}s`, '--stop-timeout', '3'], {
    TOOL_LIST: writeList(seat, 'pairs.txt', pairs),
    TOOL_DELAY_S: (isSlow ? random.real(0.6, 2) : random.log(0.03, 0.6)).toFixed(2),
    TOOL_HEADERS: linesOf(errand.guise).join('\n'),
    PYTHONDONTWRITEBYTECODE: '1',
  });
}

/** Guesses a GraphQL schema word by word from what the errors suggest, introspection or not. */
function clairvoyance(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, isSlow } = errand;
  // It gives up where a word is right and the API tells no type with it, so the list has none of those.
  const stems = sliceOf(random, linesFrom(seat, 'RANGE_WORDS'), random.logInt(400, 1900)).filter((word) =>
    /^[a-z]\w*$/i.test(word),
  );
  const names = stems.flatMap((word) => [`${word}Info`, `get_${word}`, `${word}List`, `all_${word}`]);
  const list = writeList(seat, 'fields.txt', random.shuffle(names));
  const pace = ['-c', String(isSlow ? 1 : random.int(1, 8)), '-p', random.pick(['slow', 'fast'])];
  const run = [given(seat, 'RANGE_PYTHON'), '-B', '-m', 'clairvoyance', '-k', '-o', join(seat.folder, 'schema.json'), '-w', list];
  return bounded(errand, [...run, ...pace, ...flagsOf(errand.guise, '-H'), errand.base + pathOf(seat, 'graphql')]);
}

/** Which firewall is there: a handful of crude probes, at one address of the site or at several. */
function wafw00f(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random } = errand;
  const headers = linesOf(errand.guise);
  const file = headers.length > 0 ? ['-H', writeList(seat, 'headers.txt', headers)] : [];
  const run = [given(seat, 'RANGE_PYTHON'), '-B', '-c', 'from wafw00f.main import main; main()', '-a', ...file];
  const targets = random.shuffle([
    `${errand.base}/`,
    errand.base + pathOf(seat, 'products'),
    errand.base + pathOf(seat, 'login'),
  ]);
  const pause: readonly [number, number] = errand.isSlow ? [2, 8] : [0, 2];
  const rounds = { rounds: random.int(2, 6), pause };
  return inRounds(errand, rounds, [...run, ...targets.slice(0, random.int(1, 3))]);
}

function tool(
  name: string,
  kind: string,
  version: Program['version'],
  needs: Program['needs'],
  start: Program['start'],
): Program {
  const forms = ['plain', 'browser', 'mobile', 'patient'];
  return { name, label: 'bad', kind, tool: name, version, forms, clients: 10, seconds: 50, needs, start };
}

export const MORE_TOOLS: readonly Program[] = [
  tool('bombardier', 'flood', 'bombardier v1.2.6', { go: ['github.com/codesenberg/bombardier@v1.2.6'] }, bombardier),
  tool('vegeta', 'flood', 'vegeta v12.13.0', { go: ['github.com/tsenart/vegeta/v12@v12.13.0'] }, vegeta),
  tool('autocannon', 'flood', 'autocannon 9.0.0', { npm: ['autocannon@9.0.0'] }, autocannon),
  tool('h2load', 'flood', debian('nghttp2-client'), { apt: ['nghttp2-client'] }, h2load),
  tool('httperf', 'flood', debian('httperf'), { apt: ['httperf'] }, httperf),
  tool('locust-stuffing', 'credential-stuffing', 'locust 2.47.0', { pip: ['locust==2.47.0'] }, locustStuffing),
  tool('clairvoyance', 'graphql-abuse', 'clairvoyance 2.5.5', { pip: ['clairvoyance==2.5.5'] }, clairvoyance),
  tool('wafw00f', 'reconnaissance', 'wafw00f 2.4.2', { pip: ['wafw00f==2.4.2'] }, wafw00f),
];
