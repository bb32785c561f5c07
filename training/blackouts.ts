/**
 * Groups of features that a real gateway may not tell, tells differently, or that an attacker forges at no cost. Each is
 * now and then taken away in training, so that no verdict hangs on one of them.
 */
import type { Blackout } from './net.ts';

const GROUPS: readonly (readonly [probability: number, names: readonly string[]])[] = [
  // What it says of itself
  [0.2, ['noAgent', 'agentChanges', 'browserAgent', 'libraryAgent', 'toolAgent', 'declaredBot', 'botPace']],
  [0.15, ['acceptAny', 'language', 'encoding', 'cookie', 'referer', 'shapeChanges', 'headerNames', 'conditional', 'knowsVoice']],
  // Whether that agrees: an attacker who knows how can make it agree
  [0.2, ['bareBrowser', 'disguised', 'oldBrowser', 'oddBrowser']],
  // The connection
  [0.15, ['connectionNew', 'knowsConnection']],
  [0.15, ['tlsChanges', 'tlsResumed', 'knowsTls', 'http2', 'oldBrowser']],
  [0.2, ['tlsCiphers', 'tlsExtensions', 'tlsHttp2', 'oddBrowser']],
  // The company it is in, which a lone attacker does not have
  [
    0.2,
    [
      'cohortClients',
      'cohortCalls',
      'cohortBrief',
      'cohortLoginFails',
      'cohortLoginFailShare',
      'cohortLoginShare',
      'cohortAccounts',
      'cohortFailureShare',
      'cohortDenied',
      'cohortCreations',
      'cohortPaymentFails',
      'cohortPaymentFailShare',
    ],
  ],
  [0.25, ['subSecond']],
  // The API's own shape, which differs from one to the next
  [0.15, ['sizeMean', 'sizeSpread', 'requestSize', 'requestSizeSpread', 'sizeSame']],
  [0.1, ['objectsBeyondShown', 'objectsPerShown']],
  [0.1, ['depth', 'routeBreadth', 'queryShare', 'pagedShare', 'assetShare', 'robots']],
  [0.1, ['targetLength', 'targetLengthSpread', 'targetMarks', 'targetMarksSpread', 'queryShapes']],
  // Words that this API may not have in its paths
  [
    0.15,
    [
      'moneyShare',
      'moneyFails',
      'codeShare',
      'codeFails',
      'signupShare',
      'useAfterSignup',
      'messageShare',
      'messageFails',
      'reservationShare',
      'reservationsKept',
      'adminShare',
    ],
  ],
  // Who and since when
  [0.1, ['strength', 'subjectShare', 'addresses']],
  [0.15, ['pastSessions', 'pastCalls', 'pastFailures', 'pastLoginFailures']],
  // Pace: easily slowed down
  [
    0.15,
    ['gapMean', 'gapSpread', 'gapSteady', 'gapKnown', 'gapEvenness', 'gapBurst', 'onMinute', 'length', 'paceTurn', 'backOff'],
  ],
  [0.1, ['bursts', 'burstCalls', 'burstSpread']],
  [0.075, ['ratePeak10s', 'ratePeak300s', 'botPace']],
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
