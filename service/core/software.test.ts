import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { beliesAgent, fingerprintOf, isBrowserHandshake, markHeaders, readHandshake, softwareOf } from './software.ts';

type Kind = 'browser' | 'library' | 'tool' | 'bot' | 'other' | 'none';

function kindOf(userAgent: string | null): Kind {
  const software = softwareOf(userAgent);
  const kinds: [Kind, boolean][] = [
    ['browser', software.isBrowser],
    ['library', software.isLibrary],
    ['tool', software.isTool],
    ['bot', software.isDeclaredBot],
  ];
  const found = kinds.filter(([, is]) => is).map(([kind]) => kind);
  assert.ok(found.length <= 1, `${userAgent} is ${found.join()}`);
  return found[0] ?? (software.name === 'none' ? 'none' : 'other');
}

const TABLE: Record<Kind, (string | null)[]> = {
  browser: [
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
    'Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)',
    'Opera/9.80 (X11; Linux x86_64) Presto/2.12.388 Version/12.16',
  ],
  library: [
    'okhttp/4.12.0',
    'Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)',
    'MyApp/3.2 CFNetwork/1494.0.7 Darwin/23.4.0',
    'python-requests/2.32.3',
    'Python-urllib/3.11',
    'python-httpx/0.27.0',
    'aiohttp/3.9.5',
    'axios/1.7.9',
    'node-fetch/1.0',
    'node',
    'got (https://github.com/sindresorhus/got)',
    'curl/8.5.0',
    'Wget/1.21.4',
    'Go-http-client/2.0',
    'Apache-HttpClient/4.5.14 (Java/17.0.10)',
    'Java/1.8.0_292',
    'GuzzleHttp/7',
    'PHP/8.2',
    'Ruby',
    'RestSharp/110.2.0.0',
    'PostmanRuntime/7.39.0',
    'insomnia/10.1.1',
    'rclone/v1.66.0',
    'DAVx5/4.3.13',
    'git/2.43.0',
    'Faraday v2.9.0',
    'libwww-perl/6.72',
  ],
  tool: [
    'sqlmap/1.8#stable (https://sqlmap.org)',
    'Mozilla/5.00 (Nikto/2.5.0) (Evasions:None)',
    'Mozilla/5.0 (Hydra)',
    'gobuster/3.6',
    'Fuzz Faster U Fool v2.1.0',
    'Nuclei - Open-source project (github.com/projectdiscovery/nuclei)',
    'Mozilla/5.0 (compatible; Nmap Scripting Engine; https://nmap.org/book/nse.html)',
    'masscan/1.3',
    'WPScan v3.8.25',
    'Mozilla/5.0 zgrab/0.x',
    'Wfuzz/3.1.0',
    'feroxbuster/2.10.0',
    'DirBuster-1.0-RC1',
  ],
  bot: [
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
    'Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)',
    'Googlebot-Image/1.0',
    'msnbot/2.0b',
    'UptimeRobot/2.0',
    'Pingdom.com_bot_version_1.4',
    'kube-probe/1.29',
    'ELB-HealthChecker/2.0',
    'Prometheus/2.52.0',
    'GitHub-Hookshot/044aadd',
    'Stripe/1.0 (+https://stripe.com/docs/webhooks)',
    'Slackbot 1.0 (+https://api.slack.com/robots)',
    'facebookexternalhit/1.1',
    'Feedly/1.0 (+http://www.feedly.com/fetcher.html)',
    'UniversalFeedParser/4.2-pre-314-svn +http://feedparser.org/',
    'Tiny Tiny RSS/1.11 (http://tt-rss.org/)',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36',
  ],
  other: ['AcmeSync/3.2', 'Forgotten/1.0', 'Davidson/2'],
  none: [null, ''],
};

describe('softwareOf', () => {
  for (const [kind, list] of Object.entries(TABLE))
    for (const userAgent of list)
      test(`${String(userAgent).slice(0, 60)} is ${kind}`, () => assert.equal(kindOf(userAgent), kind));

  test('names come from tables, so that a drawn user agent draws no new client', () => {
    const names = new Set<string>();
    for (let i = 0; i < 300; i++) {
      names.add(softwareOf(`Mozilla/5.0 (compatible; crawler${i}bot/1.0)`).name);
      names.add(softwareOf(`Agent${i}/${i}.0`).name);
      names.add(softwareOf(`Mozilla/5.0 (X11; Linux x86_64; rv:${i}.0) Gecko/20100101 Firefox/${i}.0`).name);
    }
    assert.deepEqual([...names].sort(), ['bot', 'browser', 'other']);
  });

  test('takes any text, and the same one twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (userAgent) => {
        kindOf(userAgent);
        assert.deepEqual(softwareOf(userAgent), softwareOf(userAgent));
      }),
    );
  });

  // Only a fixed length is read, so the time cannot grow with what is sent; this bounds it within that length.
  for (const piece of ['a', ' ', 'Mozilla/5.0 ', '(compatible; ', 'bot', 'fuzz faste', 'http://', 'Chrome/1 ', '; ', '1', 'x.'])
    test(`a long user agent is read in bounded time: ${JSON.stringify(piece)}`, () => {
      const texts = Array.from({ length: 20 }, (_, i) =>
        `${i % 2 ? 'Mozilla/5.0 ' : ''}${i} ${piece.repeat(8192)}`.slice(0, 8192),
      );
      const start = performance.now();
      for (const text of texts) softwareOf(text);
      assert.ok(performance.now() - start < 1000);
    });
});

describe('fingerprintOf', () => {
  test('a resumed session has the same one', () => {
    assert.equal(fingerprintOf('t13d1516h2_8daaf6152771_e5627efa2ab1'), '13_8daaf6152771');
    assert.equal(fingerprintOf('t13d1517h2_8daaf6152771_b1ff8ab2d16f'), '13_8daaf6152771');
  });
  test('other ciphers make another one', () => {
    assert.notEqual(fingerprintOf('t13d1516h2_8daaf6152771_x'), fingerprintOf('t13d1516h2_002f00350000_x'));
  });
  test('what is no JA4 stays as it is', () => assert.deepEqual(['odd', 'a_b', ''].map(fingerprintOf), ['odd', 'a_b', '']));
});

describe('readHandshake', () => {
  test('numbers of ciphers and extensions, and HTTP/2', () => {
    assert.deepEqual(readHandshake('t13d1516h2_8daaf6152771_e5627efa2ab1'), { ciphers: 15, extensions: 16, offersHttp2: true });
    assert.deepEqual(readHandshake('q13i0310h3_55b375c5d22e_06cda9e17597').offersHttp2, true);
    assert.deepEqual(readHandshake('t13d4907h1_0d8feac7bc37_7395dae3b2f3'), { ciphers: 49, extensions: 7, offersHttp2: false });
  });
  test('nothing of what is no JA4', () => {
    for (const text of ['', 'odd', 't13d15', 't13dxx16h2_a_b', 't13d1516h2a_b', '\u{1f600}'.repeat(9)])
      assert.deepEqual(readHandshake(text), { ciphers: 0, extensions: 0, offersHttp2: false });
  });
  test("browsers' own, and others", () => {
    const isBrowsers = (ja4: string) => isBrowserHandshake(readHandshake(ja4));
    for (const ja4 of ['t13d1516h2_a_b', 't13d1715h2_a_b', 't13d2014h2_a_b']) assert.ok(isBrowsers(ja4), ja4);
    for (const ja4 of ['t13d1516h1_a_b', 't13d4907h2_a_b', 't13d0310h2_a_b', 'x']) assert.ok(!isBrowsers(ja4), ja4);
  });
});

describe('beliesAgent', () => {
  const BROWSER = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
  const belies = (userAgent: string, acceptEncoding: string | null, names: string[] | null, isTls = true) => {
    const call = { acceptEncoding, tlsVersion: isTls ? 'TLSv1.3' : null, ja4: null };
    return beliesAgent(softwareOf(userAgent), call, names === null ? null : markHeaders(names));
  };
  const full = ['user-agent', 'accept', 'accept-language', 'accept-encoding'];

  test('a browser without a language, or with old compressions over TLS', () => {
    assert.equal(belies(BROWSER, 'gzip, deflate, br', full), false);
    assert.equal(belies(BROWSER, 'gzip, deflate', null, false), false);
    assert.equal(belies(BROWSER, null, null), false);
    assert.equal(belies(BROWSER, 'gzip, deflate, br', ['user-agent', 'accept-encoding']), true);
    assert.equal(belies(BROWSER, 'gzip, deflate', full), true);
  });
  test("an app with another library's headers", () => {
    assert.equal(belies('AcmeApp/3.2 okhttp/4.12.0', 'gzip', null), false);
    assert.equal(belies('AcmeApp/3.2 okhttp/4.12.0', 'gzip, deflate', null), true);
    assert.equal(belies('AcmeApp/31 CFNetwork/1494.0.7 Darwin/23.4.0', 'gzip, deflate, br', full), false);
    assert.equal(belies('AcmeApp/31 CFNetwork/1494.0.7 Darwin/23.4.0', 'gzip, deflate', ['accept']), true);
    assert.equal(belies('python-requests/2.32.3', 'gzip, deflate', ['accept']), false);
  });
});
