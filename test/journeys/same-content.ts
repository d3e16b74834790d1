import { canonicalJson } from '../../core/canonical-json.ts';
import { type LedgerEntry, parseEntry } from '../../core/ledger/entry.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { TenantId } from '../../events/fields.ts';

/** What stays when time, order, trace and the bytes of signatures are taken away. */
function essence(entry: LedgerEntry): string {
  const { at: _at, prev: _prev, trace: _trace, run, evidence, ...rest } = entry;
  const { attempt: _attempt, ...stable } = run ?? {};
  const ofSignature = entry.kind === 'signature' || run?.state === 'Record the verification';
  return canonicalJson({
    ...rest,
    ...(run ? { run: stable } : {}),
    evidence: ofSignature ? [] : (evidence ?? []),
  });
}

/** A log as a set: two logs have the same content when these are equal. */
export async function contentOf(ledger: LedgerStore, tenant: TenantId): Promise<string[]> {
  const { size } = await ledger.head(tenant);
  const entries = await ledger.entries(tenant, 0, size);
  return entries.map((bytes) => essence(parseEntry(bytes))).sort();
}
