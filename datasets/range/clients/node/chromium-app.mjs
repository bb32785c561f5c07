/** The site in Chromium, as an app built of web pages shows it: its assets, then calls by fetch as a person works. */
import { newPage, withBrowser } from './browser.mjs';
import { accounts, at, isOver, leftMs, linger, main, random, url } from './seat.mjs';

const WEBVIEW =
  'Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Mobile Safari/537.36 ShopApp/5.2';

await main(async () => {
  await withBrowser(async (browser) => {
    const page = await newPage(browser, random.chance(0.4) ? WEBVIEW : undefined);
    await use(page, random.log(600, 5000));
  });
});

async function use(page, betweenMs) {
  await page.goto(`${url}${at('pages')}`);
  await linger(betweenMs);
  for (let opens = random.int(0, 4); opens > 0 && !isOver(); opens--) await openLink(page, betweenMs);
  const signsIn = random.chance(0.8);
  if (signsIn) await signIn(page, betweenMs);
  for (let rounds = random.logInt(2, 25); rounds > 0 && leftMs() > 2000; rounds--) {
    await linger(betweenMs);
    const what = random.pick(signsIn ? ['orders', 'orders', 'products', 'search', 'page'] : ['products', 'search', 'page']);
    if (what === 'page') await openLink(page, betweenMs);
    else if (what === 'search') await typeSearch(page);
    else await browse(page, what, betweenMs);
  }
}

/** A link of the page, as a finger finds it. */
async function openLink(page, betweenMs) {
  const links = await page.$$eval('a[href^="/"]', (found) => found.map((one) => one.getAttribute('href')));
  await page.goto(url + (links.length > 0 ? random.pick(links) : at('pages')));
  await linger(betweenMs);
}

async function signIn(page, betweenMs) {
  const [email, password] = accounts[0];
  if (random.chance(0.2)) {
    await ask(page, 'POST', at('login'), { email, password: `${password}1` });
    await linger(betweenMs);
  }
  const answer = await ask(page, 'POST', at('login'), { email, password });
  await page.evaluate(
    ({ token, refresh }) => Object.assign(sessionStorage, { token: token ?? '', refresh: refresh ?? '' }),
    answer.data ?? {},
  );
  if (random.chance(0.7)) await ask(page, 'GET', at('me'));
}

async function browse(page, list, betweenMs) {
  const { data } = await ask(page, 'GET', `${at(list)}?limit=20`);
  for (const shown of random.shuffle(data?.items ?? []).slice(0, random.int(0, 3))) {
    await linger(betweenMs / 2);
    await ask(page, 'GET', at(list.slice(0, -1), shown.id));
  }
}

/** A suggestion for what is typed so far, a letter or two later the next. */
async function typeSearch(page) {
  const text = random.pick(['linen towel', 'garden lamp', 'oak desk', "kids' kite", 'travel mug']);
  for (let n = random.int(3, 6); n <= text.length && !isOver(); n += random.int(1, 4)) {
    await ask(page, 'GET', `${at('search')}?q=${encodeURIComponent(text.slice(0, n))}`);
    await linger(350);
  }
}

/** One call by the page's own fetch; a token that ran out is renewed. */
async function ask(page, method, path, body) {
  const token = at('token');
  return await page.evaluate(
    async ({ method, path, body, token }) => {
      const send = async () => {
        const headers = { accept: 'application/json' };
        if (body) headers['content-type'] = 'application/json';
        if (sessionStorage.token) headers.authorization = `Bearer ${sessionStorage.token}`;
        return await fetch(path, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) });
      };
      let answer = await send();
      if (answer.status === 401 && sessionStorage.refresh) {
        const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: sessionStorage.refresh });
        const renewed = await fetch(token, { method: 'POST', body: form }).then((found) => found.json());
        Object.assign(sessionStorage, { token: renewed.access_token ?? '', refresh: renewed.refresh_token ?? '' });
        answer = await send();
      }
      return { status: answer.status, data: await answer.json().catch(() => null) };
    },
    { method, path, body, token },
  );
}
