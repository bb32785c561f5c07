/**
 * Groups of features that a real gateway may not tell, tells differently, or that an attacker forges at no cost. Each is
 * now and then taken away in training, so that no verdict hangs on one of them.
 */
import type { Blackout } from './net.ts';

const GROUPS: readonly (readonly [probability: number, names: readonly string[]])[] = [
  // What it says of itself
  [0.2, ['noAgent', 'agentChanges', 'browserAgent', 'libraryAgent', 'toolAgent', 'declaredBot', 'browserWithoutLanguage']],
  [0.15, ['acceptAny', 'language', 'encoding', 'cookie', 'referer', 'shapeChanges', 'knowsVoice']],
  // The connection
  [0.15, ['connectionNew', 'knowsConnection', 'tlsChanges', 'tlsResumed', 'knowsTls', 'http2']],
  [0.25, ['subSecond']],
  // The API's own shape, which differs from one to the next
  [0.1, ['sizeMean', 'sizeSpread', 'requestSize']],
  [0.1, ['depth', 'routeBreadth', 'queryShare', 'pagedShare', 'assetShare']],
  // Who and since when
  [0.1, ['strength', 'subjectShare', 'addresses']],
  [0.15, ['pastSessions', 'pastCalls', 'pastFailures', 'pastLoginFailures', 'pastIdle']],
  // Pace: easily slowed down
  [
    0.15,
    ['gapMean', 'gapSpread', 'gapSteady', 'gapEvenness', 'gapBurst', 'gapQuick', 'gapHand', 'gapLong', 'onMinute', 'length'],
  ],
  [0.075, ['ratePeak10s', 'ratePeak300s']],
  // What only crude attacks show
  [0.1, ['probes', 'injected']],
];

/** The groups as columns. A name that is no feature stops training: the table must follow the features. */
export function blackoutsOf(features: readonly string[], groups = GROUPS): Blackout[] {
  return groups.map(([probability, names]) => ({
    probability,
    columns: names.map((name) => {
      const column = features.indexOf(name);
      if (column < 0) throw new Error(`training/blackouts.ts names "${name}", which is no feature`);
      return column;
    }),
  }));
}
