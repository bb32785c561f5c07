/** What a script says it is: its library's own name, or the headers of a browser or of a phone app. */
import { random } from '../node/seat.mjs';

const LANGUAGES = [
  'en-US,en;q=0.9',
  'en-GB,en;q=0.9',
  'de-DE,de;q=0.9,en;q=0.8',
  'fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7',
  'es-ES,es;q=0.9',
  'pl-PL,pl;q=0.9,en;q=0.8',
];
const SYSTEMS = [
  ['Windows NT 10.0; Win64; x64', '"Windows"'],
  ['Macintosh; Intel Mac OS X 10_15_7', '"macOS"'],
  ['X11; Linux x86_64', '"Linux"'],
];
const APPS = ['ShopMate', 'Paketo', 'MyOrders', 'KaufGut', 'Bodega', 'FieldDesk', 'Ledgerly'];
const PHONES = ['Pixel 6', 'Pixel 8', 'SM-G991B', 'SM-A546B', 'M2101K6G', 'CPH2465', 'moto g(30)'];

/** Draws a voice. `agents` changes the name of whatever it is at each call. */
export function drawVoice(forms) {
  if (forms.has('browser')) return drawBrowser();
  if (forms.has('mobile')) return drawApp();
  const name = random.pick([
    '',
    '',
    '',
    '',
    '',
    `sync-job/${random.int(1, 3)}.${random.int(0, 9)}`,
    'api-client/1.0',
    chromeName(random.pick(SYSTEMS)[0], drawChrome()),
  ]);
  return {
    headers: () => (name && !forms.has('agents') ? { 'user-agent': name } : {}),
    visitsPages: random.chance(0.1),
    isMask: false,
  };
}

/** A name out of a list such as scripts carry along. */
export function drawAgentName() {
  const [system] = random.pick(SYSTEMS);
  return random.pick([
    chromeName(system, drawChrome()),
    `Mozilla/5.0 (${system}; rv:${random.int(109, 132)}.0) Gecko/20100101 Firefox/${random.int(109, 132)}.0`,
    `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.${random.int(0, 5)} Safari/605.1.15`,
    `${chromeName(system, drawChrome())} Edg/${drawChrome()}.0.0.0`,
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1',
  ]);
}

function drawChrome() {
  return random.int(118, 131);
}

function chromeName(system, version) {
  return `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${version}.0.0.0 Safari/537.36`;
}

/** All that Chrome sends, in its order; a page view and a call from a page differ. */
function drawBrowser() {
  const [system, platform] = random.pick(SYSTEMS);
  const version = drawChrome();
  const cookie = `sid=${random.hex(26)}; _ga=GA1.1.${random.int(1e8, 9e8)}.${random.int(1.7e9, 1.79e9)}${random.chance(0.5) ? '; consent=all' : ''}`;
  const tail = { 'accept-encoding': 'gzip, deflate, br, zstd', 'accept-language': random.pick(LANGUAGES), cookie };
  const brand = { 'sec-ch-ua': `"Chromium";v="${version}", "Google Chrome";v="${version}", "Not?A_Brand";v="24"` };
  const device = { 'sec-ch-ua-mobile': '?0', 'sec-ch-ua-platform': platform };
  const name = { 'user-agent': chromeName(system, version) };
  const pageHeaders = (isFirst) => ({
    ...brand,
    ...device,
    'upgrade-insecure-requests': '1',
    ...name,
    accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8',
    'sec-fetch-site': isFirst ? 'none' : 'same-origin',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-user': '?1',
    'sec-fetch-dest': 'document',
    ...tail,
  });
  const callHeaders = (origin, hasBody) => ({
    ...brand,
    ...device,
    ...name,
    accept: 'application/json, text/plain, */*',
    ...(hasBody ? { origin } : {}),
    'sec-fetch-site': 'same-origin',
    'sec-fetch-mode': 'cors',
    'sec-fetch-dest': 'empty',
    referer: `${origin}/`,
    ...tail,
  });
  return {
    headers: ({ origin, hasBody, isPage, isFirst }) => (isPage ? pageHeaders(isFirst) : callHeaders(origin, hasBody)),
    visitsPages: random.chance(0.7),
    isMask: true,
  };
}

/** Names as apps on okhttp or on Apple's CFNetwork have them. */
function drawApp() {
  const app = random.pick(APPS);
  const version = `${random.int(1, 9)}.${random.int(0, 20)}.${random.int(0, 9)}`;
  const name = random.pick([
    `${app}/${version} (Android ${random.int(10, 15)}; ${random.pick(PHONES)}) okhttp/4.12.0`,
    'okhttp/4.12.0',
    `${app}-Android/${version}`,
    `${app}/${random.int(100, 990)} CFNetwork/1494.0.7 Darwin/23.${random.int(1, 6)}.0`,
    `com.${app.toLowerCase()}.app/${version} (Linux; Android ${random.int(10, 15)}; ${random.pick(PHONES)})`,
  ]);
  const language = random.pick(['en-US', 'de-DE', 'fr-FR', 'es-ES', 'pl-PL', '']);
  const headers = {
    accept: 'application/json',
    'user-agent': name,
    ...(language ? { 'accept-language': language } : {}),
    ...(random.chance(0.4) ? { 'x-app-version': version } : {}),
    ...(random.chance(0.3) ? { 'x-device-id': random.uuid() } : {}),
    ...(random.chance(0.6) ? { 'accept-encoding': 'gzip' } : {}),
  };
  return { headers: () => headers, visitsPages: false, isMask: true };
}
