/** The model card, from the manifest and the figures. No dates and no machine: the same training gives the same text. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Interval } from '../service/core/evaluation.ts';
import type { Manifest } from '../service/core/model.ts';
import { findModel } from '../service/io/classifier.ts';
import { figure, percent, range } from '../service/io/report.ts';
import type { Coverage } from './calibrate.ts';
import type { Figures } from './evaluate.ts';
import type { GroupRow, Pooled } from './figures.ts';
import { FOLDS } from './recipe.ts';
import type { KindCount } from './tables.ts';

export type CardManifest = Manifest & { readonly coverage?: Coverage };

/** Writes the default model's card anew, with the figures. Returns the card's path. */
export function updateCard(figures: Figures, folder = findModel()): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as CardManifest;
  const path = join(folder, 'README.md');
  writeFileSync(path, writeCard(manifest, figures));
  return path;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

const withInterval = (value: number | null, interval: Interval | null) =>
  figure(value) + (interval ? ` (${figure(interval[0])} to ${figure(interval[1])})` : '');
const withRange = (part: number, whole: number, interval: Interval) =>
  `${part} of ${whole}, ${percent(whole === 0 ? null : part / whole)} (${range(interval)})`;

/** @param figures null before `npm run evaluate` has measured them */
export function writeCard(manifest: CardManifest, figures: Figures | null): string {
  const { id, featureSet, families, features, thresholds, coverage, novelty, seed, backend, metrics } = manifest;
  return `# ${id}

Scores the session of an API client: the calibrated probability that it is bad automation, from ${features.length} features of its
behaviour (feature set \`${featureSet}\`), and the family it is most like (${families.length} kinds, good and bad). It is meant to advise a
policy, with its reasons beside it; it is not meant to judge people, nor to be the only guard of an API.

Made by \`${metrics.command}\`; the same command gives the same weights on the same backend (seed ${seed}, ${backend}).

## Data
${table(
  ['origin', 'clients', 'calls', 'snapshots', 'sha256 of the stream'],
  manifest.data.map((d) => ['origin', 'clients', 'calls', 'snapshots', 'sha256'].map((key) => String(d[key]).slice(0, 32))),
)}

The simulator's calls are made up; a base net learns from them. The captures are of real programs against a real gateway
(datasets/range); the net goes on learning from these, with some of the simulator's sessions among them. Both are ours:
no capture is of a deployment in use. "Clients" are those that Assay tells apart.

${table(
  ['', 'kind', 'clients', 'snapshots'],
  ((metrics.kinds ?? []) as KindCount[]).map((k) => [k.label, k.kind, k.clients, k.snapshots]),
)}

## Figures
${figures === null ? 'Not measured yet: `npm run evaluate` writes them here.' : figuresText(figures)}

## Thresholds
Bad from ${thresholds.badAt.toFixed(4)}, good under ${thresholds.goodBelow.toFixed(4)}, unsure between.${coverageText(coverage)} A session
farther than ${novelty.limit.toFixed(2)} (${novelty.directions.length} directions) from the training data is "unsure", whatever its score.

## Known failures
${figures === null ? '' : failures(figures)}- A first or second call says next to nothing; no verdict is bad before the third.
- Scores are calibrated for the captures' mix of good and bad. Where attacks are rarer, a score overstates.
- Simulator and captures are one team's idea of good and bad. A kind of good bot that is in neither may look novel
  (unsure) or, at worst, bad.

## How it can be evaded
- By doing little: an attacker that spreads its calls over many clients, each with a handful of calls, shows only where
  they look alike.
- By behaving: reading lists before objects, waiting after each refusal, keeping to a person's pace. That costs time,
  which is the point.
- By using stolen credentials that work: nothing is refused, and only what is asked for can tell.
- What a client says of itself (user agent, headers) was taken away at random in training, so that no verdict should
  hang on it.
`;
}

function coverageText(coverage: Coverage | undefined): string {
  if (!coverage) return '';
  const { alphaBad, alphaGood, calibrationClients: of } = coverage;
  return ` Set by conformal prediction on ${of.good} good and
${of.bad} bad clients whose programs the net that scored them had not met: a good client like them is ever called bad, at any
of its snapshots from the third call on, with a chance of at most ${percent(alphaBad)}; a bad one like them ends as good with a chance of at
most ${percent(alphaGood)}. A verdict falls as soon as the threshold is reached, and that error holds over all looks together. For a program
unlike all of those nothing is promised; what was measured on programs held out stands above.`;
}

function figuresText({ leaveOneOut, ...other }: Figures): string {
  const { pooled, groups } = leaveOneOut;
  const { drift, captures, families, simulatorToRange, rangeToSimulator, simulatorToSimulator, metBefore } = other;
  return `Each tool of an attack and each kind of good client was held out once, ${FOLDS} sets of them one after the other: a net that
had met none of a set's clients scored them, calibrated on all others but the program's own. A client is ranked by its newest score; ${leaveOneOut.tooFewCalls} clients with fewer than three calls are left
out. The simulator, which each net learnt from first, has clients that call themselves by some of these programs' names (sqlmap,
hydra, scrapy and the like): not one recorded call of them was met, but they are no strangers by name. Intervals are 95%: DeLong's and Wilson's, and, since clients of one program are much alike, those from drawing whole
tools and kinds with replacement ("by tools").

${pooledTable(pooled)}

Mean ROC-AUC over tools and kinds, each counting alike: ${figure(leaveOneOut.groupsAlike)}. The net that has met them all, on the same clients:
ROC-AUC ${figure(metBefore.rocAuc)}.

${groupTable(groups, 'bad')}

${groupTable(groups, 'good')}

"over 0.5%" is the share that scores higher than all but 0.5% of the good clients.

### Other learners
The same vectors, weights and folds. The trees learn from all of the simulator's rows in every fold; the net has them from its base.

${comparisonTable(pooled, leaveOneOut.groupsAlike, other.comparisons)}

### Learnt on one, judged on another
${table(
  ['learnt on', 'judged on', 'clients', 'ROC-AUC', 'recall at 0.5% false alarms', 'calibration error'],
  [
    ['other families', 'each family of attacks and kind of good client', families.good + families.bad, ...crossCells(families)],
    ['first half of the tools', 'second half', drift.good + drift.bad, ...crossCells(drift)],
    ['simulator', 'range', simulatorToRange.good + simulatorToRange.bad, ...crossCells(simulatorToRange)],
    ['range', 'simulator', rangeToSimulator.good + rangeToSimulator.bad, ...crossCells(rangeToSimulator)],
    [
      'simulator',
      'another simulated world',
      simulatorToSimulator.good + simulatorToSimulator.bad,
      ...crossCells(simulatorToSimulator),
    ],
    ...captures.map((c) => ['other captures', c.capture, c.good + c.bad, ...crossCells(c)]),
  ],
)}

### Stuffing spread over many addresses
${stuffingText(other.stuffing)}

### A real site's log
${apacheText(other.apache)}`;
}

const crossCells = (p: Pick<Pooled, 'rocAuc' | 'rocAucInterval' | 'recall' | 'calibrationError'>) => [
  withInterval(p.rocAuc, p.rocAucInterval),
  percent(p.recall),
  figure(p.calibrationError),
];

function pooledTable(p: Pooled): string {
  const { callsUntilDetection: until } = p;
  return table(
    ['held out, pooled', ''],
    [
      ['clients', `${p.good + p.bad} (${p.good} good, ${p.bad} bad)`],
      [
        'ROC-AUC',
        `${withInterval(p.rocAuc, p.rocAucInterval)}; by tools ${p.rocAucByTools ? p.rocAucByTools.map(figure).join(' to ') : '–'}`,
      ],
      [
        'recall at 0.5% false alarms',
        `${percent(p.recall)} (${range(p.recallInterval)}); by tools ${p.recallByTools ? range(p.recallByTools) : '–'}`,
      ],
      ['calibration error (15 bins), Brier score', `${figure(p.calibrationError)}, ${figure(p.brier)}`],
      ['found, by verdict', withRange(p.detected, p.bad, p.detectedInterval)],
      ['false alarms, by verdict', withRange(p.falseAlarms, p.good, p.falseAlarmInterval)],
      ['sessions called bad before they turned', p.alarmedEarly],
      ['calls until detection, median / p95', `${until.median ?? '–'} / ${until.p95 === null ? '–' : Math.ceil(until.p95)}`],
      ['clients whose verdict changed more than twice', withRange(p.restless, p.good + p.bad, p.restlessInterval)],
    ],
  );
}

function groupTable(groups: readonly GroupRow[], label: 'good' | 'bad'): string {
  const head =
    label === 'bad'
      ? ['tool', 'clients', 'bad', 'unsure', 'good', 'found']
      : ['kind', 'clients', 'bad', 'unsure', 'good', 'false alarms'];
  return table(
    [...head, '95%', 'over 0.5%', 'ROC-AUC', ...(label === 'bad' ? ['median calls'] : [])],
    groups
      .filter((group) => group.label === label)
      .map((g) => [
        g.name,
        g.clients,
        g.calledBad,
        g.unsure,
        g.calledGood,
        percent(g.calledBad / g.clients),
        range(g.interval),
        percent(g.overHalfPercent),
        figure(g.rocAuc),
        ...(label === 'bad' ? [g.medianCalls ?? '–'] : []),
      ]),
  );
}

function comparisonTable(pooled: Pooled, groupsAlike: number | null, comparisons: Figures['comparisons']): string {
  const rows = comparisons.map((c) => [
    `${c.name} ${c.version}`,
    withInterval(c.rocAuc, c.rocAucInterval),
    percent(c.recall),
    figure(c.groupsAlike),
  ]);
  return table(
    ['learner', 'ROC-AUC', 'recall at 0.5% false alarms', 'tools and kinds alike'],
    [['this net', withInterval(pooled.rocAuc, pooled.rocAucInterval), percent(pooled.recall), figure(groupsAlike)], ...rows],
  );
}

function stuffingText(stuffing: Figures['stuffing']): string {
  if (stuffing === null) return 'No capture holds any.';
  const { clients, badOrUnsure, bad, interval, alikeWithIt: after, alikeWithoutIt: before } = stuffing;
  return `Of its clients, each with a few calls, ${withRange(badOrUnsure, clients, interval)} are bad or unsure, ${bad} of them bad. Good clients of the
same programs in the same captures called bad: ${withRange(after.falseAlarms, after.clients, after.interval)}; without the attack
${withRange(before.falseAlarms, before.clients, before.interval)}.`;
}

function apacheText(apache: Figures['apache']): string {
  if (apache.model === null) return `Not measured: ${apache.why}.`;
  const { clients, bad, unsure, interval } = apache;
  return `datasets/apache-access by \`assay score\`: ${withRange(bad, clients, interval)} bad, ${unsure} unsure.`;
}

const WEAK_RECALL = 0.9;
const HIGH_ALARMS = 0.005;

function failures({ leaveOneOut: { groups } }: Figures): string {
  const weak = groups.filter((g) => g.label === 'bad' && g.calledBad < WEAK_RECALL * g.clients);
  const alarmed = groups.filter((g) => g.label === 'good' && g.calledBad > HIGH_ALARMS * g.clients);
  const list = (rows: readonly GroupRow[]) =>
    rows.map((g) => `${g.name} (${g.calledBad} of ${g.clients})`).join(', ') || 'none in this test';
  return `- Tools found less than nine times in ten when held out: ${list(weak)}.
- Good kinds with more than 0.5% false alarms when held out: ${list(alarmed)}.
`;
}
