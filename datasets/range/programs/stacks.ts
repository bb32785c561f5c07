/** Good programs on the stacks that back ends and phones use: okhttp, Apache HttpClient, Java's own, Go's net/http, Prometheus, rclone. */
import { join } from 'node:path';
import type { Command, Needs, Program, Seat } from '../program.ts';
import { firstLine, rangeGo } from './starts.ts';

const JAVA: Needs = { apt: ['openjdk-17-jdk-headless', 'maven'], build: ['java'] };
const GO: Needs = { build: ['go'] };
const GO_VERSION: Command = { file: 'go', args: ['version'] };

const OKHTTP = 'okhttp 4.12.0';
const APACHE = 'Apache HttpClient 5.3.1';

/** Small, because a dozen of them run beside each other: start-up costs more than what they do. */
const JVM = ['-Xmx64m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];

function java(client: string): (seat: Seat) => Command {
  return ({ work }) => ({
    file: 'java',
    args: [...JVM, '-jar', join(work, 'java', 'range-java.jar'), client],
  });
}

/** A script under clients/, told the paths it needs by name, since shells read no JSON. */
function script(path: string, paths: Readonly<Record<string, string>>): (seat: Seat) => Command {
  return ({ clients, api }) => {
    const env: Record<string, string> = {};
    for (const [variable, name] of Object.entries(paths)) env[variable] = api[name] ?? `/${name}`;
    return { file: 'bash', args: [join(clients, path)], env };
  };
}

export const STACKS: readonly Program[] = [
  {
    name: 'okhttp-mobile',
    label: 'good',
    kind: 'mobile-app',
    tool: 'okhttp',
    version: OKHTTP,
    forms: ['plain', 'shopper', 'plain', 'glance', 'guest'],
    clients: 12,
    seconds: 150,
    needs: JAVA,
    start: java('okhttp-mobile'),
  },
  {
    name: 'okhttp-storm',
    label: 'good',
    kind: 'retry-storm',
    tool: 'okhttp',
    version: OKHTTP,
    forms: ['plain', 'doubled', 'offline-queue'],
    clients: 12,
    seconds: 100,
    needs: JAVA,
    start: java('okhttp-storm'),
  },
  {
    name: 'okhttp-token-loop',
    label: 'good',
    kind: 'token-loop',
    tool: 'okhttp',
    version: OKHTTP,
    forms: ['saved', 'clock', 'after', 'dead'],
    clients: 12,
    seconds: 100,
    needs: JAVA,
    start: java('okhttp-token-loop'),
  },
  {
    name: 'apache-sync',
    label: 'good',
    kind: 'partner-sync',
    tool: 'apache-httpclient',
    version: APACHE,
    forms: ['customers', 'write-back', 'orders'],
    clients: 10,
    seconds: 120,
    needs: JAVA,
    start: java('apache-sync'),
  },
  {
    name: 'apache-cron',
    label: 'good',
    kind: 'cron-export',
    tool: 'apache-httpclient',
    version: APACHE,
    forms: ['each-minute', 'once'],
    clients: 6,
    seconds: 150,
    needs: JAVA,
    start: java('apache-cron'),
  },
  {
    name: 'java-backfill',
    label: 'good',
    kind: 'backfill',
    tool: 'java-http',
    version: firstLine('java --version'),
    forms: ['list-first', 'by-page', 'parallel'],
    clients: 9,
    seconds: 120,
    needs: JAVA,
    start: java('java-backfill'),
  },
  {
    name: 'go-service',
    label: 'good',
    kind: 'microservice',
    tool: 'go',
    version: GO_VERSION,
    forms: ['key', 'oauth', 'bursty'],
    clients: 12,
    seconds: 100,
    needs: GO,
    start: rangeGo('service'),
  },
  {
    name: 'go-export',
    label: 'good',
    kind: 'backfill',
    tool: 'go',
    version: GO_VERSION,
    forms: ['fromdb', 'listed', 'parallel'],
    clients: 12,
    seconds: 100,
    needs: GO,
    start: rangeGo('export'),
  },
  {
    name: 'go-telemetry',
    label: 'good',
    kind: 'iot-telemetry',
    tool: 'go',
    version: GO_VERSION,
    forms: ['steady', 'gateway', 'offline'],
    clients: 12,
    seconds: 120,
    needs: GO,
    start: rangeGo('telemetry'),
  },
  {
    name: 'go-webhooks',
    label: 'good',
    kind: 'webhook-sender',
    tool: 'go',
    version: GO_VERSION,
    forms: ['steady', 'burst', 'steady', 'burst', 'gone'],
    clients: 12,
    seconds: 120,
    needs: GO,
    start: rangeGo('webhooks'),
  },
  {
    name: 'go-load',
    label: 'good',
    kind: 'load-test',
    tool: 'go',
    version: GO_VERSION,
    forms: ['ramp', 'spike', 'soak'],
    clients: 9,
    seconds: 50,
    needs: GO,
    start: rangeGo('load'),
  },
  {
    name: 'go-cron',
    label: 'good',
    kind: 'cron-export',
    tool: 'go',
    version: GO_VERSION,
    forms: ['each-minute', 'items', 'once'],
    clients: 12,
    seconds: 150,
    needs: GO,
    start: rangeGo('cron'),
  },
  {
    name: 'go-poll',
    label: 'good',
    kind: 'job-poller',
    tool: 'go',
    version: GO_VERSION,
    forms: ['plain', 'eager', 'fleet'],
    clients: 9,
    seconds: 100,
    needs: GO,
    start: rangeGo('poll'),
  },
  {
    name: 'prometheus',
    label: 'good',
    kind: 'metrics-scraper',
    tool: 'prometheus',
    version: firstLine('prometheus --version'),
    forms: ['plain', 'keyed', 'pair'],
    clients: 9,
    seconds: 100,
    needs: { apt: ['prometheus'] },
    start: script('prometheus/scrape.sh', { RANGE_METRICS: 'metrics' }),
  },
  {
    name: 'blackbox-exporter',
    label: 'good',
    kind: 'monitor',
    tool: 'blackbox-exporter',
    version: firstLine('prometheus-blackbox-exporter --version'),
    forms: ['health', 'pages', 'keyed'],
    clients: 9,
    seconds: 100,
    needs: { apt: ['prometheus', 'prometheus-blackbox-exporter'] },
    start: script('prometheus/probe.sh', { RANGE_HEALTH: 'health', RANGE_READ: 'orders' }),
  },
  {
    name: 'rclone',
    label: 'good',
    kind: 'webdav-sync',
    tool: 'rclone',
    version: firstLine('rclone version'),
    forms: ['basic', 'bearer', 'watch'],
    clients: 9,
    seconds: 120,
    needs: { apt: ['rclone'] },
    start: script('rclone/sync.sh', { RANGE_DAV: 'dav' }),
  },
];
