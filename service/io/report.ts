/** An evaluation as text for a terminal, and how its numbers are written; the model card writes them so too. */
import Table from 'cli-table3';
import type { EvaluationReport, Interval } from '../core/evaluation.ts';

const NONE = '–';
// No colours: the text is as readable in a file.
const style = { head: [], border: [] };

export const figure = (value: number | null): string => (value === null ? NONE : value.toFixed(4));
export const percent = (value: number | null): string => (value === null ? NONE : `${(100 * value).toFixed(1)}%`);
export const range = ([low, high]: Interval): string => `${percent(low)} to ${percent(high)}`;

/** The report as three tables: all clients, false alarms for each kind of good, recall for each kind of bad. */
export function formatReport(report: EvaluationReport): string {
  return [summary(report), goodTable(report), badTable(report)].filter((table) => table !== '').join('\n');
}

function summary(report: EvaluationReport): string {
  const { rocAucInterval: interval, callsUntilDetection: until } = report;
  const table = new Table({ style });
  const unscored = report.unscored > 0 ? `, ${report.unscored} without a score` : '';
  table.push(
    ['clients', `${report.clients} (${report.good} good, ${report.bad} bad${unscored})`],
    ['ROC-AUC', figure(report.rocAuc) + (interval ? ` (95%: ${figure(interval[0])} to ${figure(interval[1])})` : '')],
    ['PR-AUC', figure(report.prAuc)],
    ['recall at 1% false alarms', percent(report.recallAt1Percent)],
    ['recall at 0.1% false alarms', percent(report.recallAt01Percent)],
    ['calibration error', figure(report.calibrationError)],
    ['Brier score', figure(report.brier)],
    ['false alarms by verdict', percent(report.falseAlarmRate)],
    ['recall by verdict', percent(report.recall)],
    ['calls until detection', `median ${until.median ?? NONE}, p95 ${until.p95 === null ? NONE : Math.ceil(until.p95)}`],
  );
  return table.toString();
}

function goodTable({ goodKinds }: EvaluationReport): string {
  if (goodKinds.length === 0) return '';
  const table = new Table({ head: ['good', 'clients', 'false alarms', 'rate', '95% interval'], style });
  for (const { kind, clients, falseAlarms, rate, interval } of goodKinds)
    table.push([kind, clients, falseAlarms, percent(rate), range(interval)]);
  return table.toString();
}

function badTable({ badKinds }: EvaluationReport): string {
  if (badKinds.length === 0) return '';
  const table = new Table({ head: ['bad', 'clients', 'detected', 'unsure', 'missed', 'recall', '95% interval'], style });
  for (const { kind, clients, detected, unsure, missed, recall, interval } of badKinds)
    table.push([kind, clients, detected, unsure, missed, percent(recall), range(interval)]);
  return table.toString();
}
