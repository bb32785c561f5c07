/** From the truth behind calls to labels that name clients as the calls do: by subject, else by address. */
import type { LabelledCall, Truth } from '../dataset.ts';

export interface LabelLine {
  readonly subject?: string;
  readonly clientIp?: string;
  readonly label: Truth['label'];
  readonly kind: string;
  readonly tool: string;
}

interface Seen {
  /** What it turned out to be: bad as soon as one call was. */
  truth: Truth;
  readonly addresses: Set<string>;
  /** Those that it was bad from: a stolen session's owner is not to be blamed where the thief sat elsewhere. */
  readonly badAddresses: Set<string>;
  /** The one subject of all its calls; null once one differs or has none. */
  subject: string | null;
}

export interface LabelCollector {
  add(labelled: LabelledCall): void;
  /** One line for each actor, or for each of its addresses; none where it would cover an actor of the other label. */
  lines(): Generator<LabelLine>;
}

/** Holds what is seen of each actor: its addresses and its subject, so memory grows with the actors, not the calls. */
export function createLabelCollector(): LabelCollector {
  const actors = new Map<string, Seen>();
  const holders = new Map<string, Set<Seen>>();
  const hold = (name: string, seen: Seen) => {
    const all = holders.get(name);
    if (all) all.add(seen);
    else holders.set(name, new Set([seen]));
  };
  return {
    add({ call, truth }) {
      let seen = actors.get(truth.client);
      if (!seen) {
        seen = { truth, addresses: new Set(), badAddresses: new Set(), subject: call.subject };
        actors.set(truth.client, seen);
      }
      if (truth.label === 'bad') {
        seen.truth = truth;
        seen.badAddresses.add(call.clientIp);
      }
      if (seen.subject !== call.subject) seen.subject = null;
      seen.addresses.add(call.clientIp);
      hold(`ip ${call.clientIp}`, seen);
      if (call.subject !== null) hold(`subject ${call.subject}`, seen);
    },
    *lines() {
      const written = new Set<string>();
      for (const seen of actors.values()) {
        for (const [name, line] of namesOf(seen)) {
          if (written.has(name) || isContested(holders.get(name)!)) continue;
          written.add(name);
          yield line;
        }
      }
    },
  };
}

function isContested(holders: ReadonlySet<Seen>): boolean {
  return new Set([...holders].map(({ truth }) => truth.label)).size > 1;
}

function* namesOf({ truth, addresses, badAddresses, subject }: Seen): Generator<[string, LabelLine]> {
  const { label, kind, tool } = truth;
  if (subject !== null) {
    yield [`subject ${subject}`, { subject, label, kind, tool }];
    return;
  }
  for (const clientIp of label === 'bad' ? badAddresses : addresses) yield [`ip ${clientIp}`, { clientIp, label, kind, tool }];
}
