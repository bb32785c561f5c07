/** Lists that attack tools bring along: names of hidden paths, and passwords that people choose. */
import type { Random } from '../simulator/random.ts';

const NAMES = (
  'admin administrator api app apps assets auth backup backups bin blog cache cgi-bin config configuration console cms core cron ' +
  'css dashboard data database db debug demo dev develop docs download downloads dump env error etc export extra feed file files ' +
  'filemanager forum ftp git graphql hidden home hooks html images img include includes index info install internal invoice ' +
  'java jenkins jmx js json keys lib library local log login logs mail manage manager media member members metrics mobile modules ' +
  'mysql new news node old order orders panel password passwd payment php phpinfo phpmyadmin plugins portal private prod proxy ' +
  'public query readme register report reports rest root rpc rss sandbox script scripts search secret secure server service ' +
  'services session setup shell shop site sitemap soap sql src ssh stage staging stat static stats status storage store sub svn ' +
  'swagger system temp templates test testing tests tmp token tool tools trace update upload uploads user users util v1 v2 v3 ' +
  'vendor version web webadmin webapp webdav webhook wiki wp-admin wp-content wp-login www xml actuator health heapdump'
).split(' ');
const ENDINGS = ['', '.php', '.bak', '.old', '.zip', '.json', '.txt', '.sql', '/', '.aspx', '.git', '~'] as const;

const BASES = (
  'password 123456 qwerty letmein welcome monkey dragon football baseball master sunshine shadow princess login admin abc123 ' +
  'iloveyou trustno1 superman batman hello freedom whatever charlie michael jordan hunter ranger buster soccer hockey killer ' +
  'george andrew joshua pepper ginger summer winter spring autumn secret computer internet orange purple yellow silver'
).split(' ');

/** About 2000 names for guessing paths, in an order of their own. */
export function pathWords(random: Random): string[] {
  return random.shuffle(NAMES.flatMap((name) => ENDINGS.map((ending) => name + ending))).slice(0, 2000);
}

/** 500 passwords; none opens an account of the range. */
export function commonPasswords(random: Random): string[] {
  return Array.from({ length: 500 }, (_, i) => (i < BASES.length ? BASES[i]! : `${random.pick(BASES)}${random.int(0, 9999)}`));
}
