/** What a user agent and a TLS handshake claim. Only claims: features compare them with how the client behaves. */
import { isbot } from 'isbot';
import { RecentMap } from './recent-map.ts';
import { hashString } from './stats.ts';

export interface Software {
  /** A name from the tables below, `browser`, `other`, or `none`. */
  readonly name: string;
  readonly hash: number;
  readonly isBrowser: boolean;
  readonly isLibrary: boolean;
  readonly isTool: boolean;
  /** Says of itself that it is a crawler, monitor or the like. */
  readonly isDeclaredBot: boolean;
}

/** Security and attack tools that say who they are. */
const TOOLS =
  /sqlmap|nikto|\bhydra|gobuster|feroxbuster|fuzz faster|\bffuf|wfuzz|wapiti|dirbuster|\bdirb\b|dirsearch|nuclei|nmap|masscan|zgrab|zmeu|acunetix|netsparker|nessus|openvas|w3af|arachni|whatweb|joomscan|wpscan|morfeus|patator|\bmedusa\b/i;
/** Monitors, senders of webhooks, readers of feeds and crawlers that name themselves; isbot knows those that look like browsers. */
const DECLARED =
  /uptime|pingdom|statuscake|kube-probe|elb-healthchecker|googlehc|prometheus|blackbox|nagios|check_http|zabbix|datadog|newrelic|site24x7|hookshot|webhook|stripe\/|slackbot|twilioproxy|svix|feed|\brss\b|newsblur|externalhit|fetcher|validator|nutch|embedly|livejournal|crawler|spider|[^ ]bot\b|robot|\(\+https?:|; ?\+https?:/i;
const LIBRARIES =
  /okhttp|dalvik|cfnetwork|alamofire|httpclient|go-http-client|go-resty|python|aiohttp|httpx|pycurl|axios|undici|node-fetch|\bnode\b|\bgot\b|\bcurl|\bwget|libwww-perl|lwp::|guzzle|\bphp|\bruby|faraday|\bjava\/|jakarta|\bktor|reactor-netty|restsharp|\.net (?:clr|core|framework)|system\.net|dotnet|postmanruntime|newman|insomnia|httpie|\bk6\/|scrapy|httrack|rclone|reqwest|hyper\/|\bdart\b|aws-sdk|boto|google-api|jsforce|salesforce|vdirsyncer|\bdav(?:x5|fs)?\b|caldav|webdav|grpc|winhttp|\bperl|\bgit\/|docker\/|kubectl|terraform|\bnpm\/|\bpip\//i;
const MAX_CACHED = 10_000;
const MAX_CACHED_CHARS = 512;
/** Longer user agents say nothing more. */
const MAX_READ_CHARS = 1024;
const cache = new RecentMap<Software>(MAX_CACHED);

function classify(userAgent: string): Software {
  const text = userAgent.slice(0, MAX_READ_CHARS);
  const base = { hash: hashString(userAgent), isBrowser: false, isLibrary: false, isTool: false, isDeclaredBot: false };
  const tool = TOOLS.exec(text);
  if (tool) return { ...base, name: tool[0].toLowerCase(), isTool: true };
  const claimsBrowser = /^mozilla\/\d|^opera\//i.test(text);
  // Names come from tables only: else a client that draws a new name for each call would be a new client each time.
  if (claimsBrowser && !isbot(text)) return { ...base, name: 'browser', isBrowser: true };
  if (claimsBrowser || DECLARED.test(text)) return { ...base, name: 'bot', isDeclaredBot: true };
  const library = LIBRARIES.exec(text);
  return library ? { ...base, name: library[0].toLowerCase(), isLibrary: true } : { ...base, name: 'other' };
}

const NONE: Software = {
  name: 'none',
  hash: 0,
  isBrowser: false,
  isLibrary: false,
  isTool: false,
  isDeclaredBot: false,
};

export function softwareOf(userAgent: string | null): Software {
  if (userAgent === null || userAgent === '') return NONE;
  const known = cache.get(userAgent);
  if (known) return known;
  const software = classify(userAgent);
  if (userAgent.length <= MAX_CACHED_CHARS) cache.set(userAgent, software);
  return software;
}

/**
 * What stays the same of a client's TLS handshakes: of JA4 the version and the ciphers, since extensions change when a
 * session is resumed. JA3 says nothing here: it hashes extensions in an order that browsers shuffle.
 */
export function fingerprintOf(ja4: string): string {
  const from = ja4.indexOf('_');
  const to = ja4.indexOf('_', from + 1);
  return from < 0 || to < 0 ? ja4 : ja4.slice(1, 3) + ja4.slice(from, to);
}
