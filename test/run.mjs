/**
 * `npm test`: types, lint, then every test of the sources that are there, with a real Kafka broker where one is needed.
 * `node test/run.mjs service/io/kafka` runs only the files whose path contains that, without lint.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { startBroker } from './broker.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const CONCURRENCY = 2;
const FILE_LIMIT_MS = 600_000;
const pattern = process.argv[2] ?? '';

/**
 * Test sources, not what lies in dist: a deleted test must not run on. As for the compiler, a folder with a dot before its
 * name is none of the sources: the range installs packages into one.
 */
function findTests() {
  const folders = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8')).include;
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true }).map((name) => `${folder}/${name}`.replaceAll('\\', '/')),
    )
    .filter((path) => path.endsWith('.test.ts') && !path.includes('/.') && path.includes(pattern))
    .sort();
}

function check(name, args) {
  const { status, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status === 0) return true;
  console.error(`${name} failed${error ? `: ${error.message}` : ''}`);
  return false;
}

function checkSources() {
  const isTyped = check('tsc', ['node_modules/typescript/bin/tsc']);
  if (!isTyped || pattern || !existsSync(join(root, 'biome.json'))) return isTyped;
  return check('biome', ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings']);
}

/** Counts what the runner tells of each test; suites are none. A file is told of by itself only if it crashed or holds no test. */
function countTests(stream, counts) {
  stream.on('test:pass', ({ name, details, skip, todo }) => {
    if (skip !== undefined || todo !== undefined) counts.leftOut++;
    else if (counts.files.has(name)) counts.failed++;
    else if (details.type !== 'suite') counts.passed++;
  });
  stream.on('test:fail', () => {
    counts.failed++;
  });
}

async function runTests(files, concurrency) {
  const counts = { passed: 0, failed: 0, leftOut: 0, files: new Set(files) };
  if (files.length === 0) return counts;
  const stream = run({ files, concurrency, timeout: FILE_LIMIT_MS });
  countTests(stream, counts);
  const lines = stream.compose(spec);
  for await (const line of lines) process.stdout.write(line);
  return counts;
}

/** Tests that time what others would disturb are run at the end, one by one. */
const ALONE = /\.alone\.test\.ts$/;

async function runAll(sources) {
  const toFiles = (paths) => paths.map((path) => join(root, 'dist', path.replace(/\.ts$/, '.js')));
  const together = await runTests(toFiles(sources.filter((path) => !ALONE.test(path))), CONCURRENCY);
  const alone = await runTests(toFiles(sources.filter((path) => ALONE.test(path))), 1);
  const sum = (name) => together[name] + alone[name];
  return { passed: sum('passed'), failed: sum('failed'), leftOut: sum('leftOut') };
}

/** A broker is started only where a test asks for it. */
async function withBroker(sources, use) {
  if (!sources.some((path) => readFileSync(join(root, path), 'utf8').includes('KAFKA_TEST_'))) return use();
  const broker = await startBroker(root);
  process.env.KAFKA_TEST_BROKERS = broker.brokers;
  process.env.KAFKA_TEST_SECURE = JSON.stringify(broker.secure);
  const onSignal = () => void broker.stop().then(() => process.exit(1));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return await use();
  } finally {
    await broker.stop();
  }
}

async function main() {
  if (!checkSources()) return false;
  const sources = findTests();
  if (sources.length === 0) {
    console.error(`No test file${pattern ? ` matches ${pattern}` : ''}`);
    return false;
  }
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --enable-source-maps`.trim();
  const { passed, failed, leftOut } = await withBroker(sources, () => runAll(sources));
  if (leftOut > 0) console.error(`${leftOut} skipped or marked todo, which counts as a failure`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 && leftOut === 0 && passed > 0;
}

main().then(
  (isGood) => process.exit(isGood ? 0 : 1),
  (error) => {
    console.error(error.message);
    process.exit(1);
  },
);
