/** One look and gone: a link's preview, a check by hand, a webhook's test; one to three calls. */
import { at, isOver, linger, main, random, url } from './seat.mjs';

const NAMES = [
  'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
  'TelegramBot (like TwitterBot)',
  'WhatsApp/2.24.11.77 A',
  'facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)',
  'preview-service/1.3',
  null,
];

await main(async () => {
  const name = random.pick(NAMES);
  const headers = name ? { 'user-agent': name } : {};
  const page = random.pick([at('pages'), '/about', at('feed'), at('pages'), '/missing-page']);
  const answer = await fetch(url + page, { headers, redirect: 'follow' });
  const text = await answer.text();
  if (random.chance(0.4)) return;
  const links = [...text.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map((found) => found[1]);
  for (const path of random.shuffle(links).slice(0, random.int(1, 2))) {
    if (isOver()) return;
    await linger(300);
    await fetch(url + path, { headers }).then((found) => found.arrayBuffer());
  }
});
