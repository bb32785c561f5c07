#!/usr/bin/env node
/** The process: commands, signals, exit codes. */
import { spawn } from 'node:child_process';
import cluster from 'node:cluster';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { Command, InvalidArgumentError } from 'commander';
import { createApp } from './app.ts';
import { readConfig } from './config.ts';
import { AssayError } from './core/errors.ts';
import { DEFAULT_PARTITIONS, DEFAULT_REPLICATION } from './core/topics.ts';
import { findLetterPlace, formatLetters, formatResubmission, type LetterOptions, listLetters, resubmit } from './dead-letters.ts';
import { evaluateFiles } from './evaluate.ts';
import { listModels } from './io/classifier.ts';
import { packageRoot } from './io/package-root.ts';
import { formatReport } from './io/report.ts';
import { tuneCollector } from './io/v8.ts';
import { formatReplayed, type ReplayOptions, replay } from './replay.ts';
import { formatClients, type ScoredFiles, scoreFiles, summarise, writeVerdicts } from './score.ts';
import { formatTopics, inspectTopics } from './topics.ts';
import { runWorkers } from './workers.ts';

interface FileOptions {
  format?: string;
  json?: boolean;
}

tuneCollector();

const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
const program = new Command('assay').description('Tells good automation from bad automation in API traffic').version(version);

program
  .command('serve')
  .description('take calls over HTTP, from Kafka or from files, and answer with verdicts; set up by environment variables')
  .option('--workers <n>', 'processes that share the port and the partitions of Kafka', wholeNumber, 1)
  .action(serve);

program
  .command('score')
  .description("score the clients in recorded calls; '-' is standard input")
  .argument('<file...>')
  .option('--format <name>', 'log format; found out by default')
  .option('--json', 'one Verdict a line')
  .action(score);

program
  .command('evaluate')
  .description('hold the verdicts on recorded calls against labels')
  .argument('<file...>')
  .requiredOption('--labels <file>', 'labels, one JSON object a line')
  .option('--format <name>', 'log format; found out by default')
  .option('--json', 'the whole report as JSON')
  .action(evaluate);

program.command('models').description('list the models that are here').option('--json', 'one manifest a line').action(models);

program
  .command('topics')
  .description('show the Kafka topics that Assay needs, as they should be and as they are')
  .option('--create', 'create those that are missing')
  .option('--partitions <n>', 'partitions of calls and verdicts when they are created', wholeNumber, DEFAULT_PARTITIONS)
  .option('--replication <n>', 'copies of each partition, as far as there are brokers', wholeNumber, DEFAULT_REPLICATION)
  .option('--json', 'one topic a line')
  .action(topics);

program
  .command('dead-letters')
  .description('list what could not be used, newest first: from Kafka where KAFKA_BROKERS is set, else from ASSAY_DATA')
  .option('--code <code>', 'only those rejected with this code')
  .option('--limit <n>', 'most letters listed', wholeNumber, 100)
  .option('--json', 'one letter a line')
  .option('--resubmit', 'put those listed back: onto their topics, or to the running service')
  .option('--url <url>', 'that service; the one of HOST and PORT by default')
  .action(deadLetters);

program
  .command('replay')
  .description('make a verdict again from the calls that it counts, and say whether it is the same to the bit')
  .argument('<id>', 'of the verdict, as in x-assay-decision')
  .option('--calls <file...>', 'recorded calls, in their order; those in Kafka by default')
  .option('--format <name>', 'their log format; found out by default')
  .option('--json', 'both verdicts, and what they were made from, as JSON')
  .action(replayVerdict);

// Offline work runs beside the service, which never imports it.
const SCRIPTS = {
  simulate: ['write simulated, labelled calls (see --help)', 'datasets/simulator/simulate.js'],
  train: ['train a model (see --help)', 'training/train.js'],
} as const;

for (const [name, [description, script]] of Object.entries(SCRIPTS))
  program
    .command(name)
    .description(description)
    .helpOption(false)
    .allowUnknownOption()
    .argument('[options...]')
    .action((options: string[]) => runScript(script, options));

let isServing = false;

async function serve({ workers }: { workers: number }): Promise<void> {
  isServing = true;
  const config = readConfig();
  const stop = new AbortController();
  // A second signal is not waited for.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  if (workers === 1 || cluster.isWorker) return (await createApp(config)).run(stop.signal);
  if (!config.KAFKA_BROKERS)
    throw new AssayError('ASSAY_CONFIG_INVALID', '--workers needs KAFKA_BROKERS: without Kafka one process holds all state');
  const log = (text: string) => console.error(`assay: ${text}`);
  process.exitCode = await runWorkers({ count: workers, data: config.ASSAY_DATA, log }, stop.signal);
}

async function score(files: string[], { format, json }: FileOptions): Promise<void> {
  const scored = await withProgress((onProgress) => scoreFiles(readConfig(), files, { format, onProgress }));
  if (json) await writeVerdicts(scored, process.stdout);
  else console.log(formatClients(scored));
  console.error(summarise(scored));
  tellFaults(scored);
}

async function evaluate(files: string[], { format, json, labels }: FileOptions & { labels: string }): Promise<void> {
  const { report, scored } = await withProgress((onProgress) =>
    evaluateFiles(readConfig(), files, labels, { format, onProgress }),
  );
  console.log(json ? JSON.stringify(report) : formatReport(report));
  console.error(summarise(scored));
  tellFaults(scored);
}

function models({ json }: { json?: boolean }): void {
  for (const { name, isDefault, manifest } of listModels(readConfig().ASSAY_MODELS)) {
    if (manifest instanceof AssayError) tell(manifest);
    else if (json) console.log(JSON.stringify(manifest));
    else
      console.log(
        `${isDefault ? '*' : ' '} ${name}  ${manifest.featureSet}  ${manifest.families.length} families  seed ${manifest.seed}`,
      );
  }
}

interface TopicsOptions {
  create?: boolean;
  json?: boolean;
  partitions: number;
  replication: number;
}

async function topics({ create, json, partitions, replication }: TopicsOptions): Promise<void> {
  const report = await inspectTopics(readConfig(), create ? { partitions, replication } : null);
  if (json) for (const topic of report.topics) console.log(JSON.stringify(topic));
  else console.log(formatTopics(report));
  for (const name of report.created) console.error(`created ${name}`);
  for (const text of report.warnings) console.error(`assay: warning: ${text}`);
  for (const error of report.errors) tell(error);
}

async function deadLetters(options: LetterOptions & { json?: boolean; resubmit?: boolean }): Promise<void> {
  const place = findLetterPlace(readConfig(), options);
  const views = await listLetters(place, options);
  const outcome = options.resubmit ? await resubmit(place, views) : null;
  if (options.json) for (const view of views) console.log(JSON.stringify(view));
  else console.log(formatLetters(views));
  if (outcome) console.error(formatResubmission(outcome));
}

async function replayVerdict(id: string, { json, ...options }: ReplayOptions & { json?: boolean }): Promise<void> {
  const replayed = await replay(readConfig(), id, options);
  console.log(json ? JSON.stringify(replayed) : formatReplayed(replayed));
  if (replayed.differences.length > 0) process.exitCode = 1;
}

function wholeNumber(text: string): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > 100_000) throw new InvalidArgumentError('a whole number from 1 to 100000 is wanted');
  return number;
}

function runScript(script: string, options: string[]): void {
  const child = spawn(process.execPath, [join(packageRoot, 'dist', script), ...options], { stdio: 'inherit' });
  child.once('exit', (code, signal) => {
    process.exitCode = code ?? (signal ? 1 : 0);
  });
}

type OnProgress = (bytesRead: number, bytesTotal: number) => void;

/** Shows a bar on a terminal, nothing elsewhere. */
async function withProgress<R>(work: (onProgress: OnProgress | undefined) => Promise<R>): Promise<R> {
  if (!process.stderr.isTTY) return work(undefined);
  const bar = new SingleBar({ format: 'reading {bar} {percentage}%', stream: process.stderr, clearOnComplete: true });
  bar.start(1, 0);
  try {
    return await work((bytesRead, bytesTotal) => {
      bar.setTotal(Math.max(1, bytesTotal));
      bar.update(bytesRead);
    });
  } finally {
    bar.stop();
  }
}

function tellFaults({ faults }: ScoredFiles): void {
  for (const fault of faults) tell(fault);
}

function tell(error: Error): void {
  console.error(error instanceof AssayError ? `assay: ${error.code}: ${error.message}` : error);
  process.exitCode = 1;
}

// A reader that has seen enough (`assay score --json FILE | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

await program.parseAsync().catch(tell);
// All is closed by now. What would keep the process alive is a worker's channel to its primary, or a connection to Kafka that
// the client makes once more because it was trying again when it was closed.
if (isServing) process.exit();
