/**
 * Bots in a real Chromium over playwright: `accounts` opens accounts by the page's own calls, `stuffing` tries leaked pairs, a fresh
 * context for each or for a few.
 */
import { newPage, withBrowser } from '../node/browser.mjs';
import { at, checkUrls, form, isOver, main, pause, random, readLines, url } from '../node/seat.mjs';
import { splitPair } from './logins.mjs';

const [what] = process.argv.slice(2);
const forms = new Set(form.split('+'));
checkUrls();

await main(() => withBrowser(work));

async function work(browser) {
  const perContext = random.pick([1, 3, 10, 1000]);
  const gapMs = forms.has('jitter') ? null : random.log(30, 1200);
  const things = what === 'accounts' ? people(random.logInt(15, 150)) : pairs(random.logInt(30, 250));
  let page = null;
  for (const [n, thing] of things.entries()) {
    if (isOver()) return;
    if (n % perContext === 0) page = await open(browser, page);
    await ask(page, at(what === 'accounts' ? 'signup' : 'login'), thing);
    if (forms.has('decoy') && random.chance(0.4))
      await page.goto(url + random.pick(['/', '/about', '/c/toys'])).catch(() => null);
    await pause(gapMs === null ? random.log(400, 3500) : gapMs * random.real(0.8, 1.2));
  }
}

/** A new context has no history; headless Chromium says what it is unless it is told not to. */
async function open(browser, old) {
  await old?.context().close();
  const userAgent = forms.has('browser')
    ? `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${random.int(120, 127)}.0.0.0 Safari/537.36`
    : undefined;
  const page = await newPage(browser, userAgent);
  await page.goto(`${url}/`);
  return page;
}

async function ask(page, path, body) {
  await page
    .evaluate(
      async ([path, body]) => {
        const answer = await fetch(path, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
        return answer.status;
      },
      [path, body],
    )
    .catch(() => 0);
}

function people(count) {
  const stem = random.pick(['bonus', 'kate', 'shop']);
  return Array.from({ length: count }, (_, n) => ({
    email: `${stem}${random.chance(0.5) ? random.hex(6) : n}.${random.hex(3)}@quickmail.example`,
    password: `Abc!${random.hex(6)}`,
    name: `${stem} ${n}`,
  }));
}

function pairs(count) {
  return random.shuffle(readLines('RANGE_LEAKED')).slice(0, count).map(splitPair);
}
