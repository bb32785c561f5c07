/** Good programs: applications, scripts and jobs on Node, Python, shell and a browser, each as its real like behaves. */
import type { Command, Needs, Program } from '../program.ts';
import { python, type Start, source } from './starts.ts';

/** Exact versions; what is written here is also what a capture's table says. */
const NPM = {
  axios: '1.21.1',
  got: '14.6.5',
  undici: '7.30.2',
  jsforce: '3.9.5',
  graphql: '16.15.0',
  'graphql-request': '7.4.0',
  '@urql/core': '5.2.0',
  'playwright-core': '1.65.1',
} as const;

const PIP = {
  requests: '2.34.2',
  'httpx[http2]': '0.28.1',
  aiohttp: '3.14.5',
  vdirsyncer: '0.21.0',
  feedparser: '6.0.14',
  scrapy: '2.19.0',
  LinkChecker: '10.6.0',
} as const;

type NpmName = keyof typeof NPM;
type PipName = keyof typeof PIP;

/** What is the program's own; the rest follows from what it runs on. */
interface Sketch {
  readonly name: string;
  readonly kind: string;
  readonly clients: number;
  readonly seconds: number;
  readonly forms?: readonly string[];
}

export const APPS: readonly Program[] = [
  onNode('axios-crm-sync', 'partner-sync', 10, 120, 'axios-sync.mjs', ['axios']),
  onNode('got-catalogue', 'catalogue-partner', 10, 120, 'got-catalogue.mjs', ['got']),
  onNode('undici-dashboard', 'dashboard-backend', 10, 120, 'undici-dashboard.mjs', ['undici']),
  onNode('jsforce-bulk-sync', 'crm-bulk-sync', 10, 120, 'jsforce-sync.mjs', ['jsforce']),
  onNode(
    'graphql-request-app',
    'graphql-client',
    8,
    110,
    'graphql-clients.mjs',
    ['graphql-request', 'graphql'],
    ['graphql-request'],
  ),
  onNode('urql-app', 'graphql-client', 8, 110, 'graphql-clients.mjs', ['@urql/core', 'graphql'], ['urql']),
  onNode('chromium-app', 'browser-app', 5, 100, 'chromium-app.mjs', ['playwright-core'], ['plain'], ['chromium']),
  onNode('fetch-agent', 'agent-tools', 10, 150, 'fetch-agent.mjs', []),
  onNode('fetch-mistyping-user', 'mistyping-user', 12, 110, 'mistyping-user.mjs', []),
  onNode('fetch-newcomer', 'newcomer', 12, 110, 'newcomer.mjs', [], ['signup', 'buy']),
  onNode('fetch-search-user', 'search-user', 8, 110, 'search-user.mjs', []),
  onNode('undici-shared-office', 'shared-office', 10, 140, 'shared-office.mjs', ['undici']),
  onNode('fetch-link-preview', 'link-preview', 20, 15, 'link-preview.mjs', []),
  onNode('undici-stale-sync', 'stale-sync', 10, 120, 'stale-sync.mjs', ['undici']),
  onNode('undici-uploader', 'uploader', 8, 110, 'undici-uploader.mjs', ['undici']),
  inPython('requests-export', 'cron-export', 10, 120, 'requests_export.py', 'requests'),
  inPython('httpx-partner', 'partner-sync', 10, 120, 'httpx_partner.py', 'httpx[http2]'),
  inPython('aiohttp-prices', 'price-monitor', 10, 150, 'aiohttp_prices.py', 'aiohttp'),
  inPython('requests-scim', 'scim-provisioning', 10, 120, 'scim_provisioning.py', 'requests'),
  inPython('vdirsyncer-caldav', 'webdav-sync', 8, 120, 'caldav_sync.py', 'vdirsyncer'),
  inPython('feedparser-reader', 'feed-reader', 10, 150, 'feed_reader.py', 'feedparser'),
  inPython('requests-polite-crawler', 'crawler', 8, 150, 'polite_crawler.py', 'requests'),
  inPython('scrapy-polite-crawler', 'crawler', 8, 120, 'scrapy_crawler.py', 'scrapy'),
  inPython('httpx-agent', 'agent-tools', 10, 150, 'httpx_agent.py', 'httpx[http2]'),
  inPython('requests-stale-sync', 'stale-sync', 10, 120, 'requests_stale.py', 'requests'),
  inPython('requests-uploader', 'uploader', 8, 110, 'requests_uploader.py', 'requests'),
  inPython('requests-monitor', 'monitor', 10, 150, 'requests_monitor.py', 'requests'),
  linkChecker(),
  inShell('curl-health', 'monitor', 8, 150, 'curl-health.sh', 'curl'),
  inShell('curl-export', 'cron-export', 12, 120, 'curl-export.sh', 'curl', ['export', 'etag', 'modified']),
  inShell('curl-once', 'one-call', 20, 20, 'curl-once.sh', 'curl'),
  inShell('curl-ci-job', 'ci-job', 10, 120, 'ci-job.sh', 'curl'),
  inShell('wget-mirror', 'docs-mirror', 8, 120, 'wget-mirror.sh', 'wget', ['feed', 'docs']),
];

function onNode(
  name: string,
  kind: string,
  clients: number,
  seconds: number,
  file: string,
  packages: readonly NpmName[],
  forms?: readonly string[],
  apt?: readonly string[],
): Program {
  const main = packages[0];
  const needs = { npm: packages.map((one) => `${one}@${NPM[one]}`), ...(apt ? { apt } : {}) };
  const version = main ? `${main} ${NPM[main]} on Node ${process.versions.node}` : `Node ${process.versions.node}`;
  const start = source(process.execPath, 'node', file);
  return good({ name, kind, clients, seconds, forms }, main ?? 'node-fetch', version, needs, start);
}

function inPython(name: string, kind: string, clients: number, seconds: number, file: string, pip: PipName): Program {
  const needs = { pip: pip === 'requests' ? [pinned(pip)] : [pinned(pip), pinned('requests')] };
  return good({ name, kind, clients, seconds }, toolOf(pip), `${toolOf(pip)} ${PIP[pip]}`, needs, python('python', file));
}

function inShell(
  name: string,
  kind: string,
  clients: number,
  seconds: number,
  file: string,
  tool: 'curl' | 'wget',
  forms?: readonly string[],
): Program {
  const version = { file: 'bash', args: ['-c', `${tool} --version | head -n 1`] };
  return good({ name, kind, clients, seconds, forms }, tool, version, { apt: [tool] }, source('bash', 'shell', file));
}

/** The link checker's own command: it reads robots.txt and says who it is. */
function linkChecker(): Program {
  const sketch = { name: 'linkchecker-site', kind: 'link-checker', clients: 6, seconds: 90 };
  const needs = { pip: [pinned('LinkChecker')] };
  return good(sketch, toolOf('LinkChecker'), `LinkChecker ${PIP.LinkChecker}`, needs, python('python', 'link_checker.py'));
}

function pinned(name: PipName): string {
  return `${name}==${PIP[name]}`;
}

/** A stack's name as it is known. */
function toolOf(pip: PipName): string {
  if (pip === 'requests') return 'python-requests';
  return pip === 'httpx[http2]' ? 'httpx' : pip.toLowerCase();
}

function good(
  { forms, ...sketch }: Omit<Sketch, 'forms'> & { readonly forms?: readonly string[] | undefined },
  tool: string,
  version: Command | string,
  needs: Needs,
  start: Start,
): Program {
  return { ...sketch, label: 'good', tool, version, forms: forms ?? ['plain'], needs, start };
}
