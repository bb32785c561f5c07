/** Tools that carry the catalogue away. */
import { join } from 'node:path';
import type { Command, Program, Seat } from '../program.ts';
import { flagsOf, linesOf } from './tool-guise.ts';
import { bounded, debian, type Errand, errandOf, given, inRounds, pathOf } from './tool-seat.ts';

/** scrapy's settings as flags; robots.txt is ignored in every form. */
function scrapySettings({ seat, random, isSlow, waitS, guise }: Errand, pages: number): string[] {
  const settings: Record<string, string> = {
    ROBOTSTXT_OBEY: 'False',
    TELNETCONSOLE_ENABLED: 'False',
    LOG_LEVEL: 'WARNING',
    CLOSESPIDER_PAGECOUNT: String(pages),
    CONCURRENT_REQUESTS: isSlow ? '1' : String(random.int(2, 16)),
    CONCURRENT_REQUESTS_PER_DOMAIN: isSlow ? '1' : String(random.int(2, 16)),
    DOWNLOAD_DELAY: waitS.toFixed(2),
    COOKIES_ENABLED: random.chance(0.5) ? 'True' : 'False',
    RETRY_TIMES: String(random.logInt(2, 8)),
    AUTOTHROTTLE_ENABLED: seat.form === 'patient' && random.chance(0.4) ? 'True' : 'False',
    ...(guise.agent === undefined ? {} : { USER_AGENT: guise.agent }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ['-s', `${name}=${value}`]);
}

/** Catalogue through the API or the pages, or the search word by word. */
function scrapy(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, guise } = errand;
  const pages = errand.isSlow ? random.logInt(60, 250) : random.logInt(120, 1000);
  const spider = join(seat.clients, 'tools', 'copy_spider.py');
  const way = random.weighted({ lists: 1, items: 5, search: 1, pages: 3 });
  const aim = ['-a', `way=${way}`, '-a', `headers=${JSON.stringify(Object.fromEntries(guise.headers))}`];
  const run = [given(seat, 'RANGE_PYTHON'), '-B', '-m', 'scrapy', 'runspider', spider, ...aim];
  if (seat.form !== 'pauses') return bounded(errand, [...run, ...scrapySettings(errand, pages)]);
  const rounds = random.int(3, 6);
  return inRounds(errand, { rounds, pause: [2, 10] }, [...run, ...scrapySettings(errand, Math.ceil(pages / rounds))]);
}

/** The site with its assets, whatever robots.txt says (`-s0`). */
function httrack(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base, guise, isSlow } = errand;
  const agent = guise.agent === undefined ? [] : ['-F', guise.agent];
  // One flag holds all headers.
  const lines = linesOf({ headers: guise.headers });
  const headers = lines.length === 0 ? [] : ['--headers', lines.join('\r\n')];
  const speed = isSlow ? ['-c1', `-%c${random.pick(['0.5', '1', '2'])}`] : [`-c${random.int(2, 8)}`, `-%c${random.int(4, 40)}`];
  const most = isSlow ? random.logInt(40, 150) : random.logInt(80, 700);
  const limits = ['-s0', `-r${random.int(3, 6)}`, `-E${seat.seconds - 5}`, `-R${random.int(0, 1)}`, `-#L${most}`];
  const starts = [`${base}/`, ...(random.chance(0.4) ? [base + pathOf(seat, 'products')] : [])];
  const own = ['-O', join(seat.folder, 'copy'), '-q', '-I0', '-A10000000', '--disable-security-limits'];
  return bounded(errand, ['httrack', ...starts, ...own, ...limits, ...speed, ...agent, ...headers]);
}

/** wget's recursive copy with robots.txt off: the plainest of all scrapers. */
function wgetCopy(seat: Seat): Command {
  const errand = errandOf(seat);
  const { random, base, isSlow, waitS } = errand;
  const pace = waitS === 0 ? [] : ['--wait', waitS.toFixed(2), ...(isSlow ? ['--random-wait'] : [])];
  const limits = [
    '-r',
    '-l',
    String(random.int(2, 5)),
    '-e',
    'robots=off',
    '-Q',
    `${random.int(1, 8)}m`,
    '--no-verbose',
    '--retry-on-http-error=503',
    '--waitretry=2',
  ];
  const agent = flagsOf(errand.guise, '--header');
  const trust = ['--no-check-certificate', '-P', join(seat.folder, 'copy'), ...(random.chance(0.5) ? ['-p'] : [])];
  return bounded(errand, ['wget', ...limits, ...pace, ...trust, ...agent, `${base}/`]);
}

export const COPY_TOOLS: readonly Program[] = [
  {
    name: 'scrapy-copy',
    label: 'bad',
    kind: 'scraping',
    tool: 'scrapy-copy',
    version: 'scrapy 2.19.0',
    forms: ['plain', 'browser', 'patient', 'mobile', 'pauses', 'key'],
    clients: 9,
    seconds: 90,
    needs: { pip: ['scrapy==2.19.0'] },
    start: scrapy,
  },
  {
    name: 'httrack',
    label: 'bad',
    kind: 'scraping',
    tool: 'httrack',
    version: debian('httrack'),
    forms: ['plain', 'browser', 'patient', 'mobile'],
    clients: 8,
    seconds: 120,
    needs: { apt: ['httrack'] },
    start: httrack,
  },
  {
    name: 'wget-copy',
    label: 'bad',
    kind: 'scraping',
    tool: 'wget-copy',
    version: debian('wget'),
    forms: ['plain', 'browser', 'patient'],
    clients: 6,
    seconds: 80,
    needs: { apt: ['wget'] },
    start: wgetCopy,
  },
];
