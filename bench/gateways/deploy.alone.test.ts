/** What of deploy/ no test of a gateway runs, as far as it can be checked here. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { VENV_BIN } from '../../datasets/range/places.ts';
import { findPort } from '../../datasets/range/processes.ts';
import { ConfigSchema } from '../../service/config.ts';
import { packageRoot } from '../../service/io/package-root.ts';
import { bringGateways, install, startGateway } from './install.ts';
import { Assay, BAD, type Client, Front, GOOD, teach } from './stand.ts';
import { GATEWAYS } from './table.ts';

const read = (path: string) => readFileSync(join(packageRoot, path), 'utf8');

test('Kubernetes would take the manifests', () => {
  bringGateways([{ needs: { pip: ['kubernetes-validate==1.37.0'] } }]);
  const file = join(packageRoot, 'deploy', 'kubernetes', 'assay.yaml');
  const { status, stdout, stderr } = spawnSync(join(VENV_BIN, 'kubernetes-validate'), ['--strict', file], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

test('systemd would take the unit', () => {
  bringGateways([{ needs: { apt: ['systemd'] } }]);
  const folder = mkdtempSync(join(tmpdir(), 'assay-systemd-'));
  const file = join(folder, 'assay.service');
  // Where node lies is the machine's.
  writeFileSync(file, read('deploy/systemd/assay.service').replace('/usr/bin/node', process.execPath));
  const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', file], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  assert.equal(`${status} ${stdout}${stderr}`, '0 ');
});

test('what is set there are variables that there are, and what is copied into the image is there', () => {
  const known = new Set([...Object.keys(ConfigSchema.properties), 'NODE_ENV']);
  for (const path of ['Dockerfile', 'deploy/systemd/assay.service', 'deploy/kubernetes/assay.yaml', 'compose.yaml']) {
    const text = read(path).replaceAll(/^ *#.*$/gm, '');
    // The broker's own have the same beginning there.
    const ours = path === 'compose.yaml' ? /\b(ASSAY_[A-Z_]+)\b/g : /\b((?:ASSAY|KAFKA)_[A-Z_]+)\b/g;
    const names = [...text.matchAll(ours)].map(([, name]) => name!);
    assert.deepEqual(
      names.filter((name) => !known.has(name)),
      [],
      path,
    );
  }
  const copied = [...read('Dockerfile').matchAll(/^COPY --from=build \/assay\/(\S+) /gm)].map(([, path]) => path!);
  assert.ok(copied.length > 5);
  for (const path of copied) assert.ok(existsSync(join(packageRoot, path)), path);
});

test("Traefik's ForwardAuth is answered by nginx beside it, whatever Assay does", async (t) => {
  const nginx = GATEWAYS.find(({ name }) => name === 'nginx')!;
  bringGateways([nginx]);
  const root = mkdtempSync(join(tmpdir(), 'assay-traefik-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  const folder = join(root, 'nginx');
  mkdirSync(folder);
  const assay = await Assay.open(root);
  t.after(() => assay.stop());
  const verdict = await teach(assay);
  const front = await new Front(assay.ports.http).open();
  t.after(() => front.close());
  const [plain, tls] = [await findPort(), await findPort()];
  const ports = { http: front.port, spoe: 9, grpc: 9, syslog: 9, application: 9, plain, tls };
  install({ ...nginx, files: { 'nginx.conf': 'traefik/nginx-open.conf' } }, folder, ports);
  const started = await startGateway(nginx, folder, plain);
  t.after(() => Promise.all(started.map((each) => each.stop())));
  // As Traefik's documentation says of the request: the method is GET, and where it comes from stands in the headers.
  const ask = async ({ address, agent }: Client) => {
    const forwarded = {
      'x-forwarded-method': 'POST',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'api',
      'x-forwarded-uri': '/v1?a=1',
    };
    const headers = { ...forwarded, 'x-forwarded-for': address, 'user-agent': agent, 'x-real-ip': GOOD.address };
    const startedAt = performance.now();
    const response = await fetch(`http://127.0.0.1:${plain}/`, { headers });
    assert.ok(performance.now() - startedAt < 150, 'it took long');
    return [response.status, response.headers.get('x-assay-verdict')];
  };
  await ask(GOOD);
  assert.deepEqual(
    [await ask(GOOD), await ask(BAD)],
    [
      [200, verdict],
      [403, 'bad'],
    ],
  );
  for (const way of ['slow', 'down', 'broken'] as const) {
    await front.turn(way);
    assert.deepEqual(
      [await ask(GOOD), await ask(BAD)],
      [
        [204, null],
        [204, null],
      ],
      way,
    );
  }
});
