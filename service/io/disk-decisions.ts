import type { Verdict } from '../core/contracts.ts';
import type { Decision } from '../core/provenance.ts';
import { withStore } from './disk-access.ts';
import { DATABASES, type KeptProvenance } from './disk-store.ts';

/**
 * The newest verdict of a client in the embedded store, read beside a service that writes it.
 * @throws AssayError ASSAY_STORAGE_FAILED
 */
export async function readDecision(folder: string, clientId: string): Promise<Decision | null> {
  let decision: Decision | null = null;
  await withStore(folder, true, async (open) => {
    const verdict = open<Verdict, string>(DATABASES.verdicts)?.get(clientId);
    if (!verdict) return;
    const { id, ...provenance } = open<KeptProvenance, string>(DATABASES.provenance)?.get(clientId) ?? NOTHING;
    decision = { verdict, provenance: id === verdict.id ? provenance : null };
  });
  return decision;
}

const NOTHING: KeptProvenance = { id: '', span: null, before: null, others: null };
