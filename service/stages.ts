/** Puts the stages of the pipeline together: the same ones for a server, for a file and for an evaluation. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { AssayError } from './core/errors.ts';
import type { LinkChange } from './core/identify.ts';
import { createObserver } from './core/observe.ts';
import { readPolicy } from './core/policy.ts';
import { createTurns } from './core/turns.ts';
import { findModel, loadClassifier } from './io/classifier.ts';
import { packageRoot } from './io/package-root.ts';
import { VerdictStore } from './io/verdict-store.ts';
import type { ScoringStages } from './pipeline.ts';

/** @throws AssayError where the model or the policy can't be used */
export async function createStages(config: Config, onLink?: (change: LinkChange) => void): Promise<ScoringStages> {
  const classifier = await loadClassifier(findModel(config.ASSAY_MODEL, config.ASSAY_MODELS), config.ASSAY_BACKEND);
  const { manifest } = classifier;
  const policy = readPolicy(readPolicyFile(config.ASSAY_POLICY), manifest.thresholds);
  const store = new VerdictStore(config.ASSAY_MAX_CLIENTS);
  return {
    observer: createObserver({ ...observerOptions(config), ...(onLink ? { onLink } : {}) }),
    classifier,
    context: { policy, model: manifest.id, featureSet: manifest.featureSet },
    store,
    standing: (clientId) => store.standing(clientId),
    now: Date.now,
    inTurn: createTurns(),
  };
}

/** Of an observer that holds all clients there are. */
export function observerOptions({ ASSAY_KEY, ASSAY_MAX_CLIENTS, ASSAY_COHORTS }: Config) {
  return { key: ASSAY_KEY, maxClients: ASSAY_MAX_CLIENTS, maxLinks: ASSAY_MAX_CLIENTS, cohorts: ASSAY_COHORTS };
}

function readPolicyFile(path: string): unknown {
  const file = path || join(packageRoot, 'service', 'policies', 'default.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new AssayError('ASSAY_POLICY_INVALID', `${file}: ${(error as Error).message}`, { cause: error });
  }
}
