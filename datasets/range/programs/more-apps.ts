/** Good programs on further stacks: Ruby, Perl, PHP, more of Go, Node and Python, and tools off the shelf in their owners' hands. */
import type { Command, Needs, Program, Seat } from '../program.ts';
import { firstLine, python, rangeGo, type Start, source } from './starts.ts';
import { pathOf } from './tool-seat.ts';

interface Stack {
  /** What is held out as one. */
  readonly tool: string;
  readonly version: Command | string;
  readonly needs: Needs;
}

const GO: Needs = { build: ['go'] };
const RUBY: Needs = { apt: ['ruby', 'ruby-faraday', 'ruby-httparty'] };
const PHP: Needs = { apt: ['php-cli', 'php-curl', 'php-guzzlehttp-guzzle'] };
const PERL: Needs = { apt: ['libwww-perl', 'liblwp-protocol-https-perl'] };

const pip = (name: string, version: string, ...more: string[]): Stack => ({
  tool: name,
  version: `${name} ${version}`,
  needs: { pip: [`${name}==${version}`, 'requests==2.34.2', ...more] },
});
const npm = (name: string, version: string, ...more: string[]): Stack => ({
  tool: name,
  version: `${name} ${version} on Node ${process.versions.node}`,
  needs: { npm: [`${name}@${version}`, ...more] },
});
const apt = (tool: string, needs: Needs, command = `${tool} --version`): Stack => ({ tool, version: firstLine(command), needs });

const PEOPLE = pip('requests', '2.34.2', 'httpx[http2]==0.28.1');
const REQUESTS = { ...PEOPLE, tool: 'python-requests' };
const HTTPX = { ...PEOPLE, tool: 'httpx', version: 'httpx 0.28.1' };

const node = (script: string, ...args: string[]) => source(process.execPath, 'node', script, ...args);
const bash = (script: string, ...args: string[]) => source('bash', 'shell', script, ...args);
const py = (script: string, ...args: string[]) => python('python', script, ...args);

/** The owner's load test with autocannon: fewer workers and a rate, on a public route and with a key on another. */
function autocannon(seat: Seat): Command {
  const { random, target, credential } = loadOf(seat);
  const shape = ['-c', String(2 + (random % 8)), '-R', String(8 + (random % 28)), '-d', String(15 + (random % 25)), '-n'];
  return { file: 'autocannon', args: [...shape, '-H', credential, target] };
}

function vegeta(seat: Seat): Command {
  const { random, target, credential } = loadOf(seat);
  const rate = ['-rate', `${4 + (random % 14)}/s`, '-duration', `${12 + (random % 16)}s`, '-max-workers', '20', '-insecure'];
  const args = ['attack', ...rate, '-header', credential, '-output', '/dev/null'];
  return { file: 'vegeta', args, stdin: `GET ${target}\n` };
}

function loadOf(seat: Seat) {
  const base = seat.urls[0] ?? '';
  const paths = [pathOf(seat, 'health'), `${pathOf(seat, 'products')}?limit=20`, `${pathOf(seat, 'orders')}?limit=20`];
  const target = base + paths[seat.seed % paths.length];
  return { random: Math.floor(seat.seed / 7), target, credential: `X-Api-Key: ${seat.env.RANGE_API_KEY ?? ''}` };
}

function linkinator(seat: Seat): Command {
  const flags = [
    '--recurse',
    '--concurrency',
    '1',
    '--timeout',
    '8000',
    '--format',
    'csv',
    '--retry',
    '--skip',
    'caldav|/dav/|page=([4-9]|[0-9]{2})',
  ];
  return { file: 'timeout', args: [String(seat.seconds - 2), 'linkinator', ...flags, `${seat.urls[0]}/`] };
}

function good(
  name: string,
  kind: string,
  clients: number,
  seconds: number,
  { tool, version, needs }: Stack,
  start: Start,
  forms: readonly string[] = ['plain'],
): Program {
  return { name, label: 'good', kind, tool, version, forms, clients, seconds, needs, start };
}

const OAUTHLIB = pip('requests-oauthlib', '2.0.0');
const TENACITY = pip('tenacity', '9.2.1');
const FARADAY = apt('faraday', RUBY, 'ruby --version');
const HTTPARTY = apt('httparty', RUBY, 'ruby --version');
const NET_HTTP = apt('ruby-net-http', RUBY, 'ruby --version');
const LWP = apt('lwp', PERL, "perl -MLWP -e 'print q(libwww-perl ), LWP->VERSION'");
const PHP_CURL = apt('php-curl', PHP, 'php --version');
const GUZZLE = apt('guzzle', PHP, 'php --version');
const OAUTH2: Stack = { tool: 'go-oauth2', version: 'golang.org/x/oauth2 v0.38.0', needs: GO };
const RETRYABLE: Stack = { tool: 'go-retryablehttp', version: 'go-retryablehttp v0.7.8', needs: GO };
const GO_HTTP: Stack = { tool: 'go-net-http', version: firstLine('go version'), needs: GO };
const RESTY: Stack = { tool: 'resty', version: 'resty v2.17.2', needs: GO };
const AXIOS_LOOP: Stack = npm('axios', '1.21.1');
const VEGETA: Stack = {
  tool: 'vegeta-owner',
  version: 'vegeta v12.13.0',
  needs: { go: ['github.com/tsenart/vegeta/v12@v12.13.0'] },
};

export const MORE_APPS: readonly Program[] = [
  good('oauthlib-token-loop', 'token-loop', 12, 70, OAUTHLIB, py('oauth_loop.py'), ['clock', 'dead', 'unsaved']),
  good('axios-token-loop', 'token-loop', 12, 70, AXIOS_LOOP, node('axios-token-loop.mjs'), ['clock', 'retry', 'dead', 'tabs']),
  good('go-oauth2-loop', 'token-loop', 12, 70, OAUTH2, rangeGo('oauth-loop'), ['clock', 'dead', 'fresh']),
  good('tenacity-storm', 'retry-storm', 12, 70, TENACITY, py('retry_storm.py'), ['urllib3', 'tenacity']),
  good('axios-retry-storm', 'retry-storm', 12, 70, npm('axios-retry', '4.5.0', 'axios@1.21.1'), node('axios-retry-storm.mjs'), [
    'plain',
    'all',
    'piled',
  ]),
  good('go-retryable-storm', 'retry-storm', 10, 70, RETRYABLE, rangeGo('storm'), ['plain', 'eager']),
  good('go-stale-sync', 'stale-sync', 10, 80, GO_HTTP, rangeGo('stale'), ['plain', 'parallel']),
  good('httparty-stale-sync', 'stale-sync', 10, 80, HTTPARTY, source('ruby', 'ruby', 'jobs.rb', 'stale')),
  good('httpx-backfill', 'backfill', 10, 80, HTTPX, py('httpx_backfill.py')),
  good('requests-webhooks', 'webhook-sender', 12, 80, REQUESTS, py('requests_webhooks.py'), ['steady', 'batch', 'gone']),
  good('got-webhooks', 'webhook-sender', 12, 80, npm('got', '14.6.5'), node('got-webhooks.mjs'), ['steady', 'burst', 'gone']),
  good('autocannon-owner', 'load-test', 10, 50, { ...npm('autocannon', '9.0.0'), tool: 'autocannon-owner' }, autocannon),
  good('vegeta-owner', 'load-test', 10, 50, VEGETA, vegeta),
  good('newman-smoke', 'api-test', 12, 60, { ...npm('newman', '6.2.2'), tool: 'newman-owner' }, node('newman.mjs', 'smoke')),
  good('pytest-smoke', 'api-test', 12, 60, pip('pytest', '9.2.0'), py('smoke_test.py')),
  good(
    'nagios-check-http',
    'monitor',
    12,
    80,
    apt('check_http', { apt: ['monitoring-plugins-basic'] }, '/usr/lib/nagios/plugins/check_http --version'),
    bash('by-hand.sh', 'check_http'),
  ),
  good('lynx-reader', 'text-browser', 10, 80, apt('lynx', { apt: ['lynx'] }, 'lynx -version'), bash('by-hand.sh', 'lynx')),
  good('w3m-reader', 'text-browser', 10, 80, apt('w3m', { apt: ['w3m'] }, 'w3m -version'), bash('by-hand.sh', 'w3m')),
  good('lftp-mirror', 'docs-mirror', 10, 80, apt('lftp', { apt: ['lftp'] }), bash('by-hand.sh', 'lftp')),
  good('newsboat', 'feed-reader', 10, 80, apt('newsboat', { apt: ['newsboat'] }), bash('newsboat.sh')),
  good('rss-parser-reader', 'feed-reader', 10, 80, npm('rss-parser', '3.13.0'), node('rss-reader.mjs')),
  good('webdav-notes', 'webdav-sync', 10, 80, npm('webdav', '5.11.0'), node('webdav-sync.mjs')),
  good(
    'aria2-download',
    'download',
    10,
    70,
    apt('aria2', { apt: ['aria2', 'curl'] }, 'aria2c --version'),
    bash('download.sh', 'aria2'),
  ),
  good('axel-download', 'download', 10, 70, apt('axel', { apt: ['axel', 'curl'] }), bash('download.sh', 'axel')),
  good('lwp-export', 'cron-export', 12, 80, LWP, source('perl', 'perl', 'export.pl')),
  good('faraday-sync', 'partner-sync', 12, 80, FARADAY, source('ruby', 'ruby', 'jobs.rb', 'sync')),
  good('ruby-service', 'microservice', 10, 60, NET_HTTP, source('ruby', 'ruby', 'jobs.rb', 'service')),
  good('guzzle-sync', 'partner-sync', 12, 80, GUZZLE, source('php', 'php', 'jobs.php', 'sync')),
  good('php-search', 'search-user', 12, 70, PHP_CURL, source('php', 'php', 'jobs.php', 'search')),
  good('undici-mobile', 'mobile-app', 15, 80, npm('undici', '7.30.2'), node('undici-mobile.mjs'), [
    'plain',
    'returning',
    'guest',
  ]),
  good(
    'apollo-app',
    'graphql-client',
    12,
    80,
    npm('@apollo/client', '4.3.8', 'graphql@16.15.0', 'rxjs@7.8.2'),
    node('apollo-app.mjs'),
  ),
  good('superagent-support', 'support-agent', 12, 80, npm('superagent', '10.4.2'), node('support-agent.mjs')),
  good('httpx-support', 'support-agent', 12, 80, HTTPX, py('people.py', 'support')),
  good('requests-onboarding', 'bulk-onboarding', 12, 60, REQUESTS, py('people.py', 'onboarding')),
  good('requests-billing', 'recurring-billing', 12, 70, REQUESTS, py('people.py', 'billing')),
  good('go-billing', 'recurring-billing', 12, 70, GO_HTTP, rangeGo('billing')),
  good('php-till', 'point-of-sale', 12, 70, PHP_CURL, source('php', 'php', 'till.php', 'till')),
  good('php-preview', 'link-preview', 20, 20, PHP_CURL, source('php', 'php', 'till.php', 'preview')),
  good('ruby-onboarding', 'bulk-onboarding', 12, 60, NET_HTTP, source('ruby', 'ruby', 'onboarding.rb')),
  good('requests-revoked', 'revoked-key', 10, 70, REQUESTS, py('stuck.py', 'revoked')),
  good('httpx-moved', 'moved-api', 10, 70, HTTPX, py('stuck.py', 'moved')),
  good('httpx-office', 'shared-office', 12, 80, HTTPX, py('stuck.py', 'office')),
  good('wget-once', 'one-call', 20, 20, apt('wget', { apt: ['wget'] }), bash('wget-once.sh')),
  good('go-till', 'point-of-sale', 12, 80, GO_HTTP, rangeGo('till'), ['plain', 'queue']),
  good('httpx-newcomer', 'newcomer', 15, 70, HTTPX, py('people.py', 'newcomer')),
  good('httpx-forgetful', 'mistyping-user', 15, 70, HTTPX, py('people.py', 'forgetful')),
  good('requests-poll', 'job-poller', 12, 70, REQUESTS, py('people.py', 'poll')),
  good('requests-telemetry', 'iot-telemetry', 12, 70, REQUESTS, py('people.py', 'telemetry')),
  good('ruby-verification', 'phone-verification', 12, 60, NET_HTTP, source('ruby', 'ruby', 'services.rb', 'verification')),
  good('go-verification', 'phone-verification', 12, 60, RESTY, rangeGo('verification')),
  good('ruby-gateway', 'sign-in-gateway', 12, 60, NET_HTTP, source('ruby', 'ruby', 'services.rb', 'gateway')),
  good('undici-gateway', 'sign-in-gateway', 12, 60, npm('undici', '7.30.2'), node('sign-in-gateway.mjs')),
  good('ruby-carts', 'cart-service', 12, 60, NET_HTTP, source('ruby', 'ruby', 'services.rb', 'carts')),
  good('lwp-revoked', 'revoked-key', 10, 70, LWP, source('perl', 'perl', 'stuck.pl', 'revoked')),
  good('lwp-moved', 'moved-api', 10, 70, LWP, source('perl', 'perl', 'stuck.pl', 'moved')),
  good('resty-sync', 'partner-sync', 12, 70, RESTY, rangeGo('resty-sync')),
  good('linkinator-site', 'link-checker', 10, 30, npm('linkinator', '6.1.2'), linkinator),
  good('simplecrawler-polite', 'crawler', 10, 80, npm('simplecrawler', '1.1.9'), node('crawl.mjs', 'simplecrawler', 'polite')),
  good('crawlee-polite', 'crawler', 10, 80, npm('@crawlee/cheerio', '3.18.1'), node('crawl.mjs', 'crawlee', 'polite')),
];
