/** A reader of feeds on rss-parser: the feed every so often, a new entry's page now and then. */
import { readFileSync } from 'node:fs';
import { at, isOver, linger, load, main, random, spend, url } from './seat.mjs';

await main(async () => {
  const { default: Parser } = await load('rss-parser');
  const ca = process.env.RANGE_CA ? readFileSync(process.env.RANGE_CA) : undefined;
  const parser = new Parser({
    timeout: 10_000,
    requestOptions: { ca },
    headers: random.chance(0.5) ? { 'User-Agent': 'feed-digest/1.2 (daily)' } : {},
  });
  const everyMs = random.log(1500, 15_000);
  for (let rounds = random.logInt(4, 40); rounds > 0 && !isOver(); rounds--) {
    spend();
    const feed = await parser.parseURL(url + at('feed')).catch(() => null);
    const { link } = random.pick(feed?.items ?? [{}]) ?? {};
    if (link && random.chance(0.2))
      await fetch(url + new URL(link, url).pathname)
        .then((answer) => answer.text())
        .catch(() => null);
    await linger(everyMs);
  }
});
