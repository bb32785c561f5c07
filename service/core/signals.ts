/**
 * The signal table: facts that a person can check in the log. They explain a verdict and, where `watched`, call for a
 * snapshot the moment they first fire; they never decide by themselves.
 */
import { type ClientRecord, D, F } from './client-record.ts';
import { countDistinct } from './stats.ts';

export interface Signal {
  readonly name: string;
  readonly watched: boolean;
  readonly fires: (f: Float32Array, d: Uint8Array) => boolean;
  /** What was counted. */
  readonly value: (f: Float32Array, d: Uint8Array) => number;
  readonly text: (f: Float32Array, d: Uint8Array) => string;
}

const count = (slot: number) => (f: Float32Array) => f[slot]!;

/** Estimates, and never more than there were tries. */
const accountsTried = (f: Float32Array, d: Uint8Array) => Math.round(Math.min(f[F.login]!, countDistinct(d, D.accounts, 16)));
const credentialsTried = (f: Float32Array, d: Uint8Array) =>
  Math.round(Math.min(f[F.subjectCalls]!, countDistinct(d, D.subjects, 16)));

export const SIGNALS: readonly Signal[] = [
  {
    name: 'ids-in-order',
    watched: true,
    fires: (f) => f[F.idUnit]! >= 20 && f[F.idUnit]! > 0.7 * f[F.idOrdered]! && f[F.idListed]! < 0.2 * f[F.idCalls]!,
    value: count(F.idAscending),
    text: (f) => `asked for ${f[F.idAscending]! + 1} object ids in ascending order without having listed them`,
  },
  {
    name: 'login-failures',
    watched: true,
    fires: (f) => f[F.loginFail]! >= 5 && f[F.loginFail]! > 4 * f[F.loginOk]!,
    value: count(F.loginFail),
    text: (f) => `${f[F.loginFail]} of ${f[F.login]} logins failed`,
  },
  {
    name: 'many-accounts',
    watched: true,
    // One address may log in many people, and a server may do so for all of its users; most of them know their password.
    fires: (f, d) => f[F.login]! >= 5 && f[F.loginFail]! > f[F.loginOk]! && accountsTried(f, d) >= 5,
    value: accountsTried,
    text: (f, d) => `tried about ${accountsTried(f, d)} accounts in ${f[F.login]} logins`,
  },
  {
    name: 'refused-credentials',
    watched: true,
    // A client whose token is renewed each hour is refused once an hour, and that is all.
    fires: (f, d) =>
      f[F.subjectRejected]! >= 5 && f[F.subjectRejected]! > 0.5 * f[F.subjectCalls]! && credentialsTried(f, d) >= 5,
    value: credentialsTried,
    text: (f, d) => `${f[F.subjectRejected]} calls refused with about ${credentialsTried(f, d)} different credentials`,
  },
  {
    name: 'walks-on-404',
    watched: true,
    fires: (f) => f[F.after404Miss]! >= 10 && f[F.s404]! > 0.6 * f[F.statusKnown]!,
    value: count(F.s404),
    text: (f) => `${f[F.s404]} of ${f[F.calls]} calls asked for what is not there, one after the other`,
  },
  {
    name: 'probes',
    watched: true,
    fires: (f) => f[F.probe]! >= 3,
    value: count(F.probe),
    text: (f) => `asked ${f[F.probe]} times for files that only scanners ask for`,
  },
  {
    name: 'injections',
    watched: false,
    fires: (f) => f[F.injected]! >= 3,
    value: count(F.injected),
    text: (f) => `${f[F.injected]} requests look like injections`,
  },
  {
    name: 'ignores-limit',
    watched: true,
    fires: (f) => f[F.after429]! - f[F.after429Wait]! >= 5,
    value: (f) => f[F.after429]! - f[F.after429Wait]!,
    text: (f) => `went on at once after ${f[F.after429]! - f[F.after429Wait]!} of ${f[F.after429]} rate limits`,
  },
  {
    name: 'goes-on-after-403',
    watched: true,
    fires: (f) => f[F.after403Onward]! >= 8 && f[F.s403]! > 0.3 * f[F.statusKnown]!,
    value: count(F.after403Onward),
    text: (f) => `went on to another path after ${f[F.after403Onward]} of ${f[F.after403]} denials`,
  },
  {
    name: 'declared-tool',
    watched: false,
    fires: (f) => f[F.toolAgent]! > 0,
    value: count(F.toolAgent),
    text: () => 'names a security tool as its user agent',
  },
  {
    name: 'heeds-limit',
    watched: false,
    fires: (f) => f[F.after429Wait]! >= 2 && f[F.after429Wait]! === f[F.after429]!,
    value: count(F.after429Wait),
    text: (f) => `waited after each of ${f[F.after429]} rate limits`,
  },
  {
    name: 'reads-conditionally',
    watched: false,
    fires: (f) => f[F.notModified]! >= 3,
    value: count(F.notModified),
    text: (f) => `${f[F.notModified]} answers were "not modified": it keeps what it has read`,
  },
];

// Which of them fired is kept as bits of a Float32, which counts to 2 ** 24.
if (SIGNALS.length > 24) throw new Error('more signals than signalsSeen has bits');

export interface FiredSignal {
  readonly name: string;
  readonly text: string;
  readonly value: number;
}

export function firedSignals({ f, d }: ClientRecord): FiredSignal[] {
  return SIGNALS.filter((s) => s.fires(f, d)).map((s) => ({ name: s.name, text: s.text(f, d), value: s.value(f, d) }));
}

/** Whether a watched signal fires for the first time in the session; marks those that have. */
export function firesFirst({ f, d }: ClientRecord): boolean {
  const seen = f[F.signalsSeen]!;
  let fired = seen;
  for (let i = 0; i < SIGNALS.length; i++) {
    const signal = SIGNALS[i]!;
    if (signal.watched && (seen & (1 << i)) === 0 && signal.fires(f, d)) fired |= 1 << i;
  }
  f[F.signalsSeen] = fired;
  return fired !== seen;
}
