/** The model card, from the figures. No dates and no machine: the same training gives the same text. */
import type { EvaluationReport } from '../service/core/evaluation.ts';
import type { Manifest } from '../service/core/model.ts';
import { figure, percent, range } from '../service/io/report.ts';
import type { HeldOut } from './held-out.ts';
import type { KindCount } from './tables.ts';

export interface CardInput {
  readonly manifest: Manifest;
  readonly command: string;
  readonly report: EvaluationReport;
  readonly heldOut: readonly HeldOut[];
  readonly kinds: readonly KindCount[];
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

export function writeCard({ manifest, command, report, heldOut, kinds }: CardInput): string {
  const { id, featureSet, families, thresholds, novelty, seed, backend } = manifest;
  return `# ${id}

Scores the session of an API client: the calibrated probability that it is bad automation, from ${manifest.features.length} features
of its behaviour (feature set \`${featureSet}\`), and the family it is most like (${families.length} kinds, good and bad). It is meant to
advise a policy, with its reasons beside it; it is not meant to judge people, nor to be the only guard of an API.

Made by \`${command}\`; the same command gives the same weights on the same backend (seed ${seed}, ${backend}).

## Data
${table(
  ['data', 'for', 'seed', 'actors', 'calls', 'sha256 of the stream'],
  manifest.data.map((d) => ['name', 'part', 'seed', 'clients', 'calls', 'sha256'].map((key) => String(d[key]).slice(0, 16))),
)}

Calls are made by a simulator, not recorded from life. Each part is a world of its own, with other APIs, gateways and
clients: no client and no deployment of one is in another. Its gateways differ in what they tell, from a plain access
log to TLS fingerprints. "Actors" are those who call; Assay may see more clients than actors (one that changes its
address) or fewer (two behind one address).

${table(
  ['', 'kind', 'clients', 'snapshots'],
  kinds.map((k) => [k.label, k.kind, k.clients, k.snapshots]),
)}

## Figures on test clients
As \`assay evaluate\` does it: a client is ranked by its newest score. Intervals are 95% (DeLong, Wilson).

${figures(report)}

False alarms for each kind of good client (verdict bad at any snapshot):

${table(
  ['kind', 'clients', 'false alarms', 'rate', '95%'],
  report.goodKinds.map((k) => [k.kind, k.clients, k.falseAlarms, percent(k.rate), range(k.interval)]),
)}

Recall for each kind of bad client:

${table(
  ['kind', 'clients', 'bad', 'unsure', 'good', 'recall', '95%'],
  report.badKinds.map((k) => [k.kind, k.clients, k.detected, k.unsure, k.missed, percent(k.recall), range(k.interval)]),
)}

## Kinds and programs never met in training
${heldOutText(heldOut)}

## Thresholds
Bad from ${thresholds.badAt.toFixed(4)}, good under ${thresholds.goodBelow.toFixed(4)}, unsure between. Chosen on the calibration clients: at most
0.3% of the good ones ever reach "bad" from their third call on, at most 5% of the bad ones end as "good". A session
farther than ${novelty.limit.toFixed(2)} (${novelty.directions.length} directions) from the training data is "unsure", whatever its score.

## Known failures
${failures(report)}
- A first or second call says next to nothing; no verdict is bad before the third.
- Scores are calibrated for the simulator's mix of good and bad. Where attacks are rarer, a score overstates.
- The simulator's idea of good bots is ours. A kind of good bot that it lacks may look novel (unsure) or, at worst, bad.

## How it can be evaded
- By doing little: an attacker that spreads its calls over many clients, each with a handful of calls, stays unsure.
- By behaving: reading lists before objects, waiting after each refusal, keeping to a person's pace. That costs time,
  which is the point.
- By using stolen credentials that work: nothing is refused, and only what is asked for can tell.
- What a client says of itself (user agent, headers) was taken away at random in training, so that no
  verdict should hang on it; what lying there gains has not been measured.
`;
}

function figures(report: EvaluationReport): string {
  const { rocAucInterval: interval, callsUntilDetection: until } = report;
  return table(
    ['figure', 'value'],
    [
      ['clients', `${report.clients} (${report.good} good, ${report.bad} bad)`],
      ['ROC-AUC', figure(report.rocAuc) + (interval ? ` (${figure(interval[0])} to ${figure(interval[1])})` : '')],
      ['PR-AUC', figure(report.prAuc)],
      ['recall at 1% / 0.1% false alarms', `${percent(report.recallAt1Percent)} / ${percent(report.recallAt01Percent)}`],
      ['calibration error (15 bins), Brier score', `${figure(report.calibrationError)}, ${figure(report.brier)}`],
      ['false alarms / recall by verdict', `${percent(report.falseAlarmRate)} / ${percent(report.recall)}`],
      ['calls until detection, median / p95', `${until.median ?? '–'} / ${until.p95 === null ? '–' : Math.ceil(until.p95)}`],
    ],
  );
}

function heldOutText(heldOut: readonly HeldOut[]): string {
  if (heldOut.length === 0) return 'Not measured for this model.';
  const rows = heldOut.map((h) => [h.by, h.name, h.label, h.clients, figure(h.rocAuc), percent(h.foundAt1Percent)]);
  return `Trained anew, for fewer epochs, without a third of them at a time. "called bad" is the share at the score that 1% of the
other good clients reach: for bad the recall, for good the false alarms.

${table(['held out', 'name', '', 'clients', 'ROC-AUC', 'called bad'], rows)}`;
}

const WEAK_RECALL = 0.9;
const HIGH_ALARMS = 0.01;

function failures({ goodKinds, badKinds }: EvaluationReport): string {
  const weak = badKinds.filter(({ recall }) => recall < WEAK_RECALL).map((k) => `${k.kind} (${percent(k.recall)} found)`);
  const alarmed = goodKinds.filter(({ rate }) => rate > HIGH_ALARMS).map((k) => `${k.kind} (${percent(k.rate)})`);
  return [
    `- Attacks found less than nine times in ten: ${weak.join(', ') || 'none in this test'}.`,
    `- Good kinds with more than 1% false alarms: ${alarmed.join(', ') || 'none in this test'}.`,
  ].join('\n');
}
