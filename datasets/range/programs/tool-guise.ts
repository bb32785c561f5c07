/** What a tool says it is: its own name, a browser or an app, with or without a stranger's key. */
import type { Random } from '../../simulator/random.ts';
import type { Seat } from '../program.ts';

export type Header = readonly [name: string, value: string];

export interface Guise {
  /** Another user agent than the tool's own. */
  readonly agent?: string;
  /** Headers besides the user agent. */
  readonly headers: readonly Header[];
}

const CHROME = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome';
const BROWSERS: readonly { agent: string; hints?: string }[] = [
  { agent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME}/126.0.0.0 Safari/537.36`, hints: '126' },
  { agent: `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${CHROME}/124.0.0.0 Safari/537.36`, hints: '124' },
  { agent: `Mozilla/5.0 (Linux; Android 14; Pixel 8) ${CHROME}/125.0.0.0 Mobile Safari/537.36`, hints: '125' },
  { agent: `Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${CHROME}/125.0.0.0 Safari/537.36 Edg/125.0.0.0`, hints: '125' },
  { agent: 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0' },
  { agent: 'Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Firefox/115.0' },
  {
    agent:
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15',
  },
];

const APPS: readonly string[] = [
  'okhttp/4.12.0',
  'okhttp/4.9.3',
  'okhttp/5.1.0',
  'Market/412 CFNetwork/1494.0.7 Darwin/23.4.0',
  'Market/5.3.1 (iPhone; iOS 17.4; Scale/3.00)',
  'Dart/3.4 (dart:io)',
  'Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A.240205.004)',
];

const LANGUAGES = ['en-US,en;q=0.9', 'de-DE,de;q=0.9,en;q=0.8', 'fr,fr-FR;q=0.8,en-US;q=0.5,en;q=0.3', 'en-GB,en;q=0.7'];
const ACCEPTS = ['application/json, text/plain, */*', '*/*', 'application/json'];

/** The guise of the seat's form. Slow forms hide as often as not; `key` and `login` forms leave the tool's own name. */
export function drawGuise(seat: Seat, random: Random): Guise {
  const guise = guiseOf(seat.form, random);
  return seat.form === 'key' ? { ...guise, headers: [...guise.headers, keyHeader(seat, random)] } : guise;
}

function guiseOf(form: string, random: Random): Guise {
  switch (form) {
    case 'browser':
      return browser(random);
    case 'mobile':
      return app(random);
    case 'patient':
    case 'pauses':
      return random.weighted({ none: 2, browser: 2, app: 1 }) === 'none' ? { headers: [] } : either(random);
    default:
      return { headers: [] };
  }
}

const either = (random: Random): Guise => (random.chance(0.65) ? browser(random) : app(random));

/** A lazy attacker changes the user agent only; a careful one copies all of a browser's headers. */
function browser(random: Random): Guise {
  const { agent, hints } = random.pick(BROWSERS);
  if (random.chance(0.35)) return { agent, headers: [] };
  const plain: Header[] = [
    ['Accept', random.pick(ACCEPTS)],
    ['Accept-Language', random.pick(LANGUAGES)],
  ];
  const fetch: Header[] = [
    ['Sec-Fetch-Site', 'same-origin'],
    ['Sec-Fetch-Mode', 'cors'],
    ['Sec-Fetch-Dest', 'empty'],
  ];
  const brands: Header[] = hints
    ? [
        ['Sec-CH-UA', `"Chromium";v="${hints}", "Not.A/Brand";v="24"`],
        ['Sec-CH-UA-Mobile', agent.includes('Mobile') ? '?1' : '?0'],
      ]
    : [];
  return { agent, headers: random.chance(0.5) ? [...plain, ...brands, ...fetch] : plain };
}

function app(random: Random): Guise {
  const agent = random.pick(APPS);
  if (random.chance(0.35)) return { agent, headers: [] };
  return {
    agent,
    headers: [
      ['Accept', 'application/json'],
      ['X-App-Version', `5.${random.int(0, 9)}.${random.int(0, 4)}`],
      ['X-Device-Id', random.hex(16)],
    ],
  };
}

function keyHeader(seat: Seat, random: Random): Header {
  const key = seat.env.RANGE_API_KEY ?? '';
  return random.chance(0.5) ? ['X-Api-Key', key] : ['Authorization', `Bearer ${key}`];
}

/** User agent and headers as `Name: value` lines. */
export function linesOf({ agent, headers }: Guise): string[] {
  const all: readonly Header[] = agent === undefined ? headers : [['User-Agent', agent], ...headers];
  return all.map(([name, value]) => `${name}: ${value}`);
}

/** The same as repeated flags: `-H`, `Name: value`, … */
export function flagsOf(guise: Guise, flag: string): string[] {
  return linesOf(guise).flatMap((line) => [flag, line]);
}
