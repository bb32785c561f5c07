import assert from 'node:assert/strict';
import { it } from 'node:test';
import { evaluateClients } from '../core/evaluation.ts';
import { formatReport } from './report.ts';

const client = { score: 0.2, verdict: 'good', label: 'good', kind: 'feed-poller', callsAtDetection: null, calls: 4 } as const;

it('prints figures, kinds and intervals without colours', () => {
  const text = formatReport(
    evaluateClients([client, { ...client, score: 0.95, verdict: 'bad', label: 'bad', kind: 'scraping', callsAtDetection: 5 }]),
  );
  assert.match(text, /2 \(1 good, 1 bad\)/);
  assert.match(text, /ROC-AUC\s*│ 1\.0000/);
  assert.match(text, /feed-poller │ 1\s+│ 0\s+│ 0\.0%/);
  assert.match(text, /scraping │ 1\s+│ 1\s+│ 0\s+│ 0\s+│ 100\.0%/);
  assert.match(text, /median 5, p95 5/);
  assert.ok(!text.includes('\u001b'));
});

it('says so where there is nothing to say', () => {
  const text = formatReport(evaluateClients([{ ...client, score: null }]));
  assert.match(text, /1 without a score/);
  assert.match(text, /ROC-AUC\s*│ –/);
  assert.doesNotMatch(text, /recall +│ 95%/);
});
