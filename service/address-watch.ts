import type { Config } from './config.ts';
import { Addresses } from './core/addresses.ts';
import type { ApiCall, Verdict } from './core/contracts.ts';
import type { ScoringStages } from './pipeline.ts';

export interface AddressWatch {
  onCall(call: ApiCall, clientId: string): void;
  onVerdict(verdict: Verdict): void;
  denied(): Map<string, number>;
}

/** Which addresses are to be turned away, for gateways that know nothing else. */
export function watchAddresses({ ASSAY_MAX_CLIENTS }: Config, { store, context }: ScoringStages): AddressWatch {
  const addresses = new Addresses(ASSAY_MAX_CLIENTS);
  const { actions, mode } = context.policy;
  const deniedUntil = (clientId: string) => {
    const standing = store.standing(clientId);
    const isDenied = standing && mode === 'live' && actions[standing.verdict] === 'deny' && standing.expiresAt > Date.now();
    return isDenied ? standing.expiresAt : null;
  };
  return {
    onCall: ({ clientIp }, clientId) => addresses.see(clientIp, clientId, deniedUntil(clientId) !== null),
    onVerdict({ clientId, action, mode }) {
      if (action === 'deny' && mode === 'live') addresses.deny(clientId);
    },
    denied: () => addresses.denied(deniedUntil),
  };
}
