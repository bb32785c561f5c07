/** Second makes of the attacks that one set of scripts has so far: Ruby, Perl, PHP, Go, shell one-liners, a browser; other habits in each. */
import type { Command, Needs, Program } from '../program.ts';
import { firstLine, python, rangeGo, type Start, source } from './starts.ts';

interface Make {
  readonly version: Command | string;
  readonly needs: Needs;
  readonly start: (behaviour: string) => Start;
}

const script = (file: string, folder: string, name: string) => (behaviour: string) =>
  source(file, folder, name, ...behaviour.split(' '));

const RUBY: Make = { version: firstLine('ruby --version'), needs: { apt: ['ruby'] }, start: script('ruby', 'ruby', 'attack.rb') };
const PERL: Make = {
  version: firstLine("perl -MLWP -e 'print q(libwww-perl ), LWP->VERSION'"),
  needs: { apt: ['libwww-perl', 'liblwp-protocol-https-perl'] },
  start: script('perl', 'perl', 'attack.pl'),
};
const PHP: Make = {
  version: firstLine('php --version'),
  needs: { apt: ['php-cli', 'php-curl'] },
  start: script('php', 'php', 'attack.php'),
};
const SHELL: Make = {
  version: firstLine('curl --version'),
  needs: { apt: ['curl', 'aria2'] },
  start: script('bash', 'shell', 'attack.sh'),
};
const GO: Make = {
  version: 'resty v2.17.2, colly v2.3.0',
  needs: { build: ['go'] },
  start: rangeGo,
};
const PYTHON: Make = {
  version: 'curl-cffi 0.17.0, cloudscraper 1.2.71',
  needs: { pip: ['curl-cffi==0.17.0', 'cloudscraper==1.2.71'] },
  start: (behaviour) => python('attacks', 'cffi.py', ...behaviour.split(' ')),
};
const CHROMIUM: Make = {
  version: 'playwright-core 1.65.1',
  needs: { npm: ['playwright-core@1.65.1'], apt: ['chromium'] },
  start: script(process.execPath, 'attacks', 'chromium.mjs'),
};
const NODE: Make = {
  version: `Node ${process.versions.node}`,
  needs: { npm: ['newman@6.2.2', 'simplecrawler@1.1.9', '@crawlee/cheerio@3.18.1', 'website-scraper@6.0.0'] },
  start: script(process.execPath, 'node', 'crawl.mjs'),
};

/** Traits as in scripts.ts, joined by `+`. */
const OPEN = ['plain', 'browser', 'mobile', 'jitter', 'pauses', 'browser+jitter', 'mobile+decoy', 'browser+decoy'];
const WITHIN = [
  'plain',
  'account',
  'key',
  'browser+account',
  'mobile+account',
  'account+jitter',
  'key+pauses',
  'mobile+account+decoy',
];
const HIJACK = ['hijack'];

function bad(make: Make, name: string, kind: string, behaviour: string, forms: readonly string[], seconds: number): Program {
  const { version, needs, start } = make;
  const hijack = forms.includes('hijack') ? { addresses: 2 } : {};
  return {
    ...hijack,
    name,
    label: 'bad',
    kind,
    tool: name,
    version,
    forms,
    clients: Math.max(10, forms.length),
    seconds,
    needs,
    start: start(behaviour),
  };
}

const COPY = ['plain', 'browser', 'patient', 'browser+patient'];

export const MORE_SCRIPTS: readonly Program[] = [
  bad(RUBY, 'ruby-spam', 'spam-posting', 'spam', WITHIN, 60),
  bad(RUBY, 'ruby-cashing-out', 'cashing-out', 'cashing-out', OPEN, 60),
  bad(RUBY, 'ruby-card-testing', 'card-testing', 'card-testing', OPEN, 60),
  bad(RUBY, 'ruby-graphql', 'graphql-abuse', 'graphql', WITHIN, 60),
  bad(RUBY, 'ruby-hijack', 'hijacked-session', 'hijacked-session', HIJACK, 80),
  bad(RUBY, 'ruby-otp', 'otp-guessing', 'otp', OPEN, 60),
  bad(PERL, 'perl-stuffing', 'credential-stuffing', 'stuffing', OPEN, 60),
  bad(PERL, 'perl-enumeration', 'id-enumeration', 'enumeration', WITHIN, 60),
  bad(PERL, 'perl-sms-pumping', 'sms-pumping', 'sms-pumping', OPEN, 60),
  bad(PERL, 'perl-accounts', 'account-creation', 'accounts', OPEN, 60),
  bad(PERL, 'perl-user-enumeration', 'user-enumeration', 'user-enumeration', OPEN, 60),
  bad(PERL, 'perl-low-and-slow', 'low-and-slow', 'low-and-slow', ['plain', 'browser', 'mobile'], 80),
  bad(PHP, 'php-giftcards', 'coupon-guessing', 'giftcards', OPEN, 60),
  bad(PHP, 'php-accounts', 'account-creation', 'accounts', OPEN, 60),
  bad(PHP, 'php-tokens', 'token-guessing', 'tokens', OPEN, 60),
  bad(PHP, 'php-spam', 'spam-posting', 'spam', WITHIN, 60),
  bad(PHP, 'php-inventory', 'inventory-holding', 'inventory', OPEN, 60),
  bad(PHP, 'php-spraying', 'password-spraying', 'spraying', OPEN, 60),
  bad(GO, 'go-enumeration', 'id-enumeration', 'enumeration', WITHIN, 60),
  bad(GO, 'go-cashing-out', 'cashing-out', 'cashing-out', OPEN, 60),
  bad(GO, 'go-tokens', 'token-guessing', 'tokens', OPEN, 60),
  bad(GO, 'go-graphql', 'graphql-abuse', 'graphql', WITHIN, 60),
  bad(GO, 'go-spam', 'spam-posting', 'spam', WITHIN, 60),
  bad(GO, 'go-sms-pumping', 'sms-pumping', 'sms-pumping', OPEN, 60),
  bad(GO, 'go-hijack', 'hijacked-session', 'hijacked-session', HIJACK, 80),
  bad(GO, 'go-inventory', 'inventory-holding', 'inventory', OPEN, 60),
  bad(GO, 'go-card-testing', 'card-testing', 'card-testing', OPEN, 60),
  bad(GO, 'go-otp', 'otp-guessing', 'otp', OPEN, 60),
  bad(GO, 'go-low-and-slow', 'low-and-slow', 'low-and-slow', ['plain', 'browser', 'mobile'], 80),
  bad(GO, 'colly-copy', 'scraping', 'colly', ['parallel', 'browser', 'agents+parallel', 'slow', 'browser+slow'], 60),
  bad(SHELL, 'bash-enumeration', 'id-enumeration', 'enumeration', WITHIN, 60),
  bad(
    SHELL,
    'xargs-enumeration',
    'id-enumeration',
    'xargs_enumeration',
    ['plain', 'account', 'key', 'browser+account', 'mobile+key'],
    60,
  ),
  bad(SHELL, 'curl-globbing', 'id-enumeration', 'globbing', ['plain', 'account', 'key', 'browser+account', 'mobile+key'], 60),
  bad(SHELL, 'bash-stuffing', 'credential-stuffing', 'stuffing', ['plain', 'browser', 'mobile', 'jitter', 'browser+pauses'], 60),
  bad(SHELL, 'xargs-tokens', 'token-guessing', 'tokens', ['plain', 'browser', 'mobile'], 60),
  bad(SHELL, 'bash-sms-pumping', 'sms-pumping', 'sms', ['plain', 'browser', 'mobile', 'jitter', 'mobile+pauses'], 60),
  bad(SHELL, 'bash-spam', 'spam-posting', 'spam', ['plain', 'key', 'browser+account', 'mobile+account', 'account+jitter'], 60),
  bad(SHELL, 'bash-user-enumeration', 'user-enumeration', 'user_enumeration', ['plain', 'browser', 'mobile', 'jitter'], 60),
  bad(SHELL, 'bash-coupons', 'coupon-guessing', 'coupons', ['plain', 'browser', 'mobile', 'browser+jitter'], 60),
  bad(SHELL, 'bash-injection', 'injection-scan', 'injection', ['plain', 'browser', 'key', 'browser+account', 'pauses'], 60),
  bad(SHELL, 'bash-cashing-out', 'cashing-out', 'cashing_out', ['plain', 'browser', 'mobile', 'jitter'], 60),
  bad(SHELL, 'aria2-copy', 'scraping', 'aria2_copy', ['plain', 'browser', 'mobile'], 60),
  bad(PYTHON, 'cffi-stuffing', 'credential-stuffing', 'cffi stuffing', ['plain', 'page', 'jitter', 'pauses', 'page+jitter'], 60),
  bad(PYTHON, 'cffi-copy', 'scraping', 'cffi copy', ['plain', 'jitter', 'pauses'], 60),
  bad(PYTHON, 'cloudscraper-copy', 'scraping', 'cloudscraper copy', ['plain', 'jitter', 'pauses'], 60),
  {
    ...bad(
      CHROMIUM,
      'chromium-accounts',
      'account-creation',
      'accounts',
      ['plain', 'browser', 'browser+jitter', 'browser+decoy'],
      50,
    ),
    clients: 8,
  },
  {
    ...bad(CHROMIUM, 'chromium-stuffing', 'credential-stuffing', 'stuffing', ['plain', 'browser', 'browser+jitter', 'decoy'], 50),
    clients: 8,
  },
  bad(NODE, 'simplecrawler-copy', 'scraping', 'simplecrawler copy', COPY, 60),
  bad(NODE, 'crawlee-copy', 'scraping', 'crawlee copy', COPY, 60),
  bad(NODE, 'website-scraper', 'scraping', 'website-scraper copy', COPY, 60),
  {
    ...bad(
      NODE,
      'newman-enumeration',
      'id-enumeration',
      'enumeration',
      ['account', 'key', 'browser+account', 'account+jitter'],
      60,
    ),
    start: script(process.execPath, 'node', 'newman.mjs')('enumeration'),
  },
];
