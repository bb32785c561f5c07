/**
 * The signal table: facts that a person can check in the log. They explain a verdict and, where `watched`, call for a
 * snapshot the moment they first fire; they never decide by themselves.
 */
import { C, type ClientRecord, D, K, U } from './client-record.ts';
import { NO_COHORT, O } from './cohort.ts';
import { countDistinct } from './stats.ts';

/** Of the client's counts, its sketches, and what the others of its cohort did, which only signals not watched may use. */
type Read<V> = (c: Uint16Array, d: Uint8Array, others: Float32Array) => V;

export interface Signal {
  readonly name: string;
  readonly watched: boolean;
  readonly fires: Read<boolean>;
  /** What was counted. */
  readonly value: Read<number>;
  readonly text: Read<string>;
}

const count = (slot: number) => (c: Uint16Array) => c[slot]!;

/** Estimates, and never more than there were tries. */
const accountsTried = (c: Uint16Array, d: Uint8Array) => Math.round(Math.min(c[C.login]!, countDistinct(d, D.accounts, 16)));
const credentialsTried = (c: Uint16Array, d: Uint8Array) =>
  Math.round(Math.min(c[C.subjectCalls]!, countDistinct(d, D.subjects, 16)));

export const SIGNALS: readonly Signal[] = [
  {
    name: 'ids-in-order',
    watched: true,
    fires: (c) => c[C.idUnit]! >= 20 && c[C.idUnit]! > 0.7 * c[C.idOrdered]! && c[C.idListed]! < 0.2 * c[C.idCalls]!,
    value: count(C.idAscending),
    text: (c) => `asked for ${c[C.idAscending]! + 1} object ids in ascending order without having listed them`,
  },
  {
    name: 'login-failures',
    watched: true,
    fires: (c) => c[C.loginFail]! >= 5 && c[C.loginFail]! > 4 * c[C.loginOk]!,
    value: count(C.loginFail),
    text: (c) => `${c[C.loginFail]} of ${c[C.login]} logins failed`,
  },
  {
    name: 'many-accounts',
    watched: true,
    // One address may log in many people, and a server may do so for all of its users; most of them know their password.
    fires: (c, d) => c[C.login]! >= 5 && c[C.loginFail]! > c[C.loginOk]! && accountsTried(c, d) >= 5,
    value: accountsTried,
    text: (c, d) => `tried about ${accountsTried(c, d)} accounts in ${c[C.login]} logins`,
  },
  {
    name: 'refused-credentials',
    watched: true,
    // A client whose token is renewed each hour is refused once an hour, and that is all.
    fires: (c, d) =>
      c[C.subjectRejected]! >= 5 && c[C.subjectRejected]! > 0.5 * c[C.subjectCalls]! && credentialsTried(c, d) >= 5,
    value: credentialsTried,
    text: (c, d) => `${c[C.subjectRejected]} calls refused with about ${credentialsTried(c, d)} different credentials`,
  },
  {
    name: 'walks-on-404',
    watched: true,
    fires: (c) => c[C.after404Miss]! >= 10 && c[C.s404]! > 0.6 * c[C.statusKnown]!,
    value: count(C.s404),
    text: (c) => `${c[C.s404]} of ${c[C.calls]} calls asked for what is not there, one after the other`,
  },
  {
    name: 'probes',
    watched: true,
    fires: (c) => c[C.probe]! >= 3,
    value: count(C.probe),
    text: (c) => `asked ${c[C.probe]} times for files that only scanners ask for`,
  },
  {
    name: 'injections',
    watched: false,
    fires: (c) => c[C.injected]! >= 3,
    value: count(C.injected),
    text: (c) => `${c[C.injected]} requests look like injections`,
  },
  {
    name: 'ignores-limit',
    watched: true,
    fires: (c) => c[C.after429]! - c[C.after429Wait]! >= 5,
    value: (c) => c[C.after429]! - c[C.after429Wait]!,
    text: (c) => `went on at once after ${c[C.after429]! - c[C.after429Wait]!} of ${c[C.after429]} rate limits`,
  },
  {
    name: 'goes-on-after-403',
    watched: true,
    fires: (c) => c[C.after403Onward]! >= 8 && c[C.s403]! > 0.3 * c[C.statusKnown]!,
    value: count(C.after403Onward),
    text: (c) => `went on to another path after ${c[C.after403Onward]} of ${c[C.after403]} denials`,
  },
  {
    name: 'declared-tool',
    watched: false,
    fires: (c) => c[C.toolAgent]! > 0,
    value: count(C.toolAgent),
    text: () => 'names a security tool as its user agent',
  },
  {
    name: 'heeds-limit',
    watched: false,
    fires: (c) => c[C.after429Wait]! >= 2 && c[C.after429Wait]! === c[C.after429]!,
    value: count(C.after429Wait),
    text: (c) => `waited after each of ${c[C.after429]} rate limits`,
  },
  {
    name: 'reads-conditionally',
    watched: false,
    fires: (c) => c[C.notModified]! >= 3,
    value: count(C.notModified),
    text: (c) => `${c[C.notModified]} answers were "not modified": it keeps what it has read`,
  },
  {
    name: 'cohort-login-failures',
    watched: false,
    // Of many clients with the same fingerprint most come to fail a login or two: each one's share says little.
    fires: (c, _d, others) =>
      c[C.loginFail]! > 0 &&
      others[O.clients]! >= 20 &&
      others[K.loginFails]! >= 30 &&
      others[K.loginFails]! > 0.6 * others[K.logins]!,
    value: (_c, _d, others) => Math.round(others[K.loginFails]!),
    text: (_c, _d, others) =>
      `about ${Math.round(others[O.clients]!)} other clients with the same fingerprint failed about ` +
      `${Math.round(others[K.loginFails]!)} logins in the minutes before`,
  },
];

// Which of them fired is kept as bits of a Uint32.
if (SIGNALS.length > 32) throw new Error('more signals than signalsSeen has bits');

export interface FiredSignal {
  readonly name: string;
  readonly text: string;
  readonly value: number;
}

/** @param others what the others of the client's cohort did */
export function firedSignals({ c, d }: ClientRecord, others: Float32Array = NO_COHORT): FiredSignal[] {
  return SIGNALS.filter((s) => s.fires(c, d, others)).map((s) => ({
    name: s.name,
    text: s.text(c, d, others),
    value: s.value(c, d, others),
  }));
}

/** Whether a watched signal fires for the first time in the session; marks those that have. */
export function firesFirst({ c, d, u }: ClientRecord): boolean {
  const seen = u[U.signalsSeen]!;
  let fired = seen;
  for (let i = 0; i < SIGNALS.length; i++) {
    const signal = SIGNALS[i]!;
    if (signal.watched && (seen & (1 << i)) === 0 && signal.fires(c, d, NO_COHORT)) fired |= 1 << i;
  }
  u[U.signalsSeen] = fired;
  return u[U.signalsSeen] !== seen;
}
