import { canonicalJson } from '../../core/canonical-json.ts';
import { type LedgerEntry, parseEntry } from '../../core/ledger/entry.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { TenantId } from '../../events/fields.ts';

const isPseudonym = (id: string) => /^[0-9a-f]{64}$/.test(id);

/** What stays when time, order, trace, the bytes of signatures and pseudonyms, which chance makes, are taken away. */
function essence(entry: LedgerEntry): string {
  const { at: _at, prev: _prev, trace: _trace, run, evidence, actor, ...rest } = entry;
  const { attempt: _attempt, ...stable } = run ?? {};
  const ofSignature = entry.kind === 'signature' || run?.state === 'Record the verification';
  return canonicalJson({
    ...rest,
    ...(run ? { run: stable } : {}),
    ...(actor ? { actor: { ...actor, id: isPseudonym(actor.id) ? 'a person' : actor.id } } : {}),
    evidence: ofSignature ? [] : (evidence ?? []),
  });
}

/** A log as a set: two logs have the same content when these are equal. When an audit passes, and where it was, differs. */
export async function contentOf(ledger: LedgerStore, tenant: TenantId): Promise<string[]> {
  const { size } = await ledger.head(tenant);
  const entries = await ledger.entries(tenant, 0, size);
  const said = entries.map(parseEntry).filter(({ kind }) => kind !== 'audit.passed');
  const people = new Set(said.flatMap(({ actor }) => (actor && isPseudonym(actor.id) ? actor.id : [])));
  return [...said.map(essence), `${people.size} people`].sort();
}
