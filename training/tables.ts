/** Tables of what there is to learn from, by danfojs. */
import type { TensorFlow } from '../service/io/tensorflow.ts';
import { loadDanfo } from './danfo.ts';
import type { ExampleClient } from './examples.ts';

export interface KindCount {
  readonly label: string;
  readonly kind: string;
  readonly clients: number;
  readonly snapshots: number;
}

/** Clients and snapshots for each kind, by label and name. */
export function countKinds(tf: typeof TensorFlow, clients: readonly ExampleClient[]): KindCount[] {
  const { DataFrame } = loadDanfo(tf);
  const frame = new DataFrame(clients.map(({ label, kind, snapshots }) => ({ label, kind, snapshots })));
  const groups = frame.groupby(['label', 'kind']).agg({ snapshots: ['count', 'sum'] });
  const at = (row: unknown[], column: string) => row[groups.columns.indexOf(column)];
  return (groups.values as unknown[][])
    .map((row) => ({
      label: String(at(row, 'label')),
      kind: String(at(row, 'kind')),
      clients: Number(at(row, 'snapshots_count')),
      snapshots: Number(at(row, 'snapshots_sum')),
    }))
    .sort((a, b) => (`${a.label} ${a.kind}` < `${b.label} ${b.kind}` ? -1 : 1));
}
