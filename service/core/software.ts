/** What a user agent claims to be. Only a claim: features compare it with how the client behaves. */
import { isbot } from 'isbot';
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
  /sqlmap|nikto|hydra|gobuster|fuzz faster|ffuf|wfuzz|wapiti|dirbuster|dirb\b|nuclei|nmap|masscan|zgrab|acunetix|nessus|openvas|w3af|arachni|whatweb|joomscan|wpscan|morfeus|zmeu|medusa|patator/i;
const LIBRARIES =
  /okhttp|dalvik|cfnetwork|apache-httpclient|go-http-client|python-requests|python-httpx|python-urllib|aiohttp|axios|undici|node-fetch|\bnode\b|got\b|curl|wget|libwww-perl|lwp::|guzzle|php|ruby|faraday|java\/|jakarta|reactor-netty|restsharp|\.net|postmanruntime|insomnia|httpie|scrapy|httrack|prometheus|blackbox|rclone|jsforce|salesforce|feedparser|feed|rss|vdirsyncer|dav|caldav|grpc|winhttp|perl/i;
const MAX_CACHED = 10_000;
const cache = new Map<string, Software>();

function classify(userAgent: string): Software {
  const hash = hashString(userAgent);
  const tool = TOOLS.exec(userAgent);
  const base = { hash, isBrowser: false, isLibrary: false, isTool: false, isDeclaredBot: false };
  if (tool) return { ...base, name: tool[0].toLowerCase(), isTool: true };
  if (/^mozilla\/\d|^opera\//i.test(userAgent)) {
    const declared = isbot(userAgent);
    const token = declared ? /compatible; ?([\w .-]{2,24})/i.exec(userAgent) : null;
    return { ...base, name: token?.[1]?.toLowerCase() ?? 'browser', isBrowser: !declared, isDeclaredBot: declared };
  }
  const library = LIBRARIES.exec(userAgent);
  if (library) return { ...base, name: library[0].toLowerCase(), isLibrary: true };
  return { ...base, name: 'other', isDeclaredBot: isbot(userAgent) };
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
  // A memo only: emptying it costs time, never changes an answer.
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(userAgent, software);
  return software;
}
