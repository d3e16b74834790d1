import { type EntryDraft, entryKeyOf } from '../../core/ledger/entry.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

export const TENANT = TenantId.parse('acme');
const BUSINESS_KEY = Sha256Hex.parse('ab'.repeat(32));

/** A small, valid draft; `id` is its identity, `release` what it is linked by. */
export const draftOf = (id: string, release = 'r1', code?: string): EntryDraft => ({
  key: entryKeyOf(TENANT, {
    businessKey: BUSINESS_KEY,
    machine: 'source-release',
    step: 'verify-go-sum',
    replay: 0,
    kind: 'check',
    ordinal: id,
  }),
  content: {
    kind: 'check',
    run: { workflow: 'source-release', name: 'source-release-1', state: 'Record the checks' },
    release: { kind: 'source', id: release },
    subjects: [{ name: id, digest: { gitCommit: 'a'.repeat(40) } }],
    ...(code === undefined
      ? { outcome: 'pass' as const }
      : { outcome: 'refuse' as const, reasons: [{ code }], reasonsTotal: 1 }),
  },
});
