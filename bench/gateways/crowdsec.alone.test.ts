/** A real bouncer of CrowdSec's against a real server of Assay. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProcess } from '../../datasets/range/processes.ts';
import { bringGateways } from './install.ts';
import { Assay, BAD, GOOD, teach } from './stand.ts';

const KEY = 'key-of-the-bouncer';
const LIMIT_MS = 20_000;

test('crowdsec-custom-bouncer is told the address of a bad client, and none behind which a good one is', async (t) => {
  bringGateways([{ needs: { apt: ['crowdsec-custom-bouncer'] } }]);
  const folder = mkdtempSync(join(tmpdir(), 'assay-crowdsec-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const assay = await Assay.open(folder, { ASSAY_CROWDSEC_KEYS: `other,${KEY}` });
  t.after(() => assay.stop());
  const heard = join(folder, 'heard.txt');
  const script = join(folder, 'bouncer.sh');
  writeFileSync(script, `#!/bin/sh\necho "$1 $2 $3" >> ${heard}\n`);
  chmodSync(script, 0o755);
  const config = join(folder, 'bouncer.yaml');
  const lines = {
    ...{ bin_path: script, feed_via_stdin: false, total_retries: 0, piddir: folder, update_frequency: '1s' },
    ...{ cache_retention_duration: '1s', daemonize: false, log_mode: 'stdout', log_level: 'debug' },
    ...{ api_url: `${assay.url}/`, api_key: KEY, scenarios_containing: '[]', scenarios_not_containing: '[]', origins: '[]' },
  };
  const text = Object.entries(lines).map(([name, value]) => `${name}: ${value}`);
  writeFileSync(config, `${text.join('\n')}\nprometheus:\n  enabled: false\n`);
  const output = join(folder, 'output.log');
  await teach(assay);
  // From this address both have come.
  const shared = '127.0.0.77';
  await teach(assay, [
    { ...GOOD, address: shared },
    { ...BAD, address: shared },
  ]);
  const bouncer = startProcess('crowdsec-custom-bouncer', ['-c', config], { log: output, env: process.env });
  t.after(() => bouncer.stop());
  const told = () => (existsSync(heard) ? readFileSync(heard, 'utf8').trim().split('\n') : []);
  for (const start = Date.now(); told().length === 0; await sleep(100))
    assert.ok(Date.now() - start < LIMIT_MS, `nothing was heard: ${readFileSync(output, 'utf8')}`);
  // Another round, in which nothing new may come.
  await sleep(2500);
  assert.equal(told().length, 1, told().join('\n'));
  assert.match(told()[0]!, new RegExp(`^add ${BAD.address.replaceAll('.', '\\.')} \\d+`));
});
