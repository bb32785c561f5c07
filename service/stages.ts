/** Puts the stages of the pipeline together: the same ones for a server, for a file and for an evaluation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { AssayError } from './core/errors.ts';
import type { LinkChange } from './core/identify.ts';
import { createObserver } from './core/observe.ts';
import { readPolicy } from './core/policy.ts';
import { findModel, loadClassifier } from './io/classifier.ts';
import { packageRoot } from './io/package-root.ts';
import { VerdictStore } from './io/verdict-store.ts';
import type { Stages } from './pipeline.ts';

/** Everything but publishing and burying, which differ between a server and a file. */
export type ScoringStages = Omit<Stages, 'publish' | 'bury'>;

/** @throws AssayError where the model or the policy can't be used */
export async function createStages(config: Config, onLink?: (change: LinkChange) => void): Promise<ScoringStages> {
  const classifier = await loadClassifier(findModel(config.ASSAY_MODEL, config.ASSAY_MODELS), config.ASSAY_BACKEND);
  const { manifest } = classifier;
  const policy = readPolicy(readPolicyFile(config.ASSAY_POLICY), manifest.thresholds);
  const maxClients = config.ASSAY_MAX_CLIENTS;
  return {
    observer: createObserver({ key: config.ASSAY_KEY, maxClients, maxLinks: maxClients, ...(onLink ? { onLink } : {}) }),
    classifier,
    context: { policy, model: manifest.id, featureSet: manifest.featureSet },
    store: new VerdictStore(maxClients),
    now: Date.now,
  };
}

function readPolicyFile(path: string): unknown {
  const file = path || join(packageRoot, 'service', 'policies', 'default.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AssayError('ASSAY_POLICY_INVALID', `${file}: ${(error as Error).message}`, { cause: error });
  }
}
