/**
 * Crawlers off the shelf, set by RANGE_CRAWLER and by what robots.txt is to them: simplecrawler, crawlee's CheerioCrawler, website-scraper.
 * `polite` keeps to robots.txt and waits, as an index does; `copy` takes all there is.
 */
import { join } from 'node:path';
import { checkUrls, isOver, leftMs, load, main, random, spend, url } from './seat.mjs';

const [name, manner] = process.argv.slice(2);
const isPolite = manner === 'polite';
const form = process.env.RANGE_FORM ?? 'plain';
const BROWSER = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36';
const isSlow = form.includes('patient');
const most = isPolite || isSlow ? random.logInt(30, 200) : random.logInt(80, 800);
const agent = form.includes('browser')
  ? BROWSER
  : isPolite
    ? random.pick(['SiteIndexBot/1.0 (+https://index.example/bot)', 'ShelfSearch/0.9 (bot)'])
    : null;
const waitMs = isPolite || isSlow ? random.log(250, 1500) : random.log(1, 250);

checkUrls();

const CRAWLERS = { simplecrawler, crawlee, 'website-scraper': websiteScraper };
await main(async () => {
  await CRAWLERS[name]();
});

async function simplecrawler() {
  const { default: Crawler } = await load('simplecrawler');
  const crawler = new Crawler(`${url}/`);
  Object.assign(crawler, {
    interval: waitMs,
    maxConcurrency: isPolite ? 1 : random.int(1, 8),
    respectRobotsTxt: isPolite,
    ignoreInvalidSSL: true,
  });
  if (agent) crawler.userAgent = agent;
  let done = 0;
  await new Promise((resolve) => {
    crawler.on('complete', resolve);
    crawler.on('fetchstart', () => {
      done++;
      spend();
      if (done > most || (isPolite && isOver())) resolve(crawler.stop(true));
    });
    setTimeout(resolve, Math.max(0, leftMs() - 500));
    crawler.start();
  });
}

async function crawlee() {
  process.env.CRAWLEE_STORAGE_DIR = join(process.cwd(), 'crawlee');
  const { CheerioCrawler, Configuration, log } = await load('@crawlee/cheerio');
  log.setLevel(log.LEVELS.ERROR);
  const crawler = new CheerioCrawler(
    {
      maxRequestsPerCrawl: most,
      maxConcurrency: isPolite || isSlow ? 1 : random.int(2, 10),
      sameDomainDelaySecs: isPolite || isSlow ? waitMs / 1000 : 0,
      respectRobotsTxtFile: isPolite,
      useSessionPool: !isPolite,
      ignoreSslErrors: true,
      preNavigationHooks: [
        (_context, options) =>
          void Object.assign(options, agent ? { headers: { 'user-agent': agent }, useHeaderGenerator: false } : {}),
      ],
      requestHandler: async ({ enqueueLinks }) => void (await enqueueLinks({ strategy: 'same-hostname' })),
    },
    new Configuration({ persistStorage: false, purgeOnStart: true }),
  );
  const end = setTimeout(() => void crawler.teardown(), Math.max(1000, leftMs() - 1500));
  await crawler.run([`${url}/`]);
  clearTimeout(end);
}

async function websiteScraper() {
  const { default: scrape } = await load('website-scraper');
  const limits = { recursive: true, maxRecursiveDepth: random.int(2, 4), requestConcurrency: isSlow ? 1 : random.int(1, 12) };
  let done = 0;
  const headers = agent ? { 'user-agent': agent } : {};
  const wanted = (link) => link.startsWith(url) && done++ < most && !isOver();
  await scrape({
    urls: [`${url}/`],
    directory: join(process.cwd(), 'copy'),
    urlFilter: wanted,
    request: { headers, https: { rejectUnauthorized: false } },
    ...limits,
  }).catch(() => null);
}
