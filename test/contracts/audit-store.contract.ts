import { expect, it } from 'vitest';
import { EMPTY_HEAD } from '../../core/ledger/segment.ts';
import type { AuditState, AuditStore } from '../../core/ports/audit-store.ts';
import { TenantId } from '../../events/fields.ts';

const [ACME, OTHER] = [TenantId.parse('acme'), TenantId.parse('other')];

const stateOf = (rounds: number): AuditState => ({
  newest: { ...EMPTY_HEAD(), size: 3, edge: [EMPTY_HEAD().root, EMPTY_HEAD().root] },
  rotating: EMPTY_HEAD(),
  looked: 't/acme/seg/0-a',
  endedAt: 1_700_000_000_000,
  run: { name: 'audit-1', rounds, before: EMPTY_HEAD(), began: 0, wrapped: true, found: [], ended: false },
});

/** What every store of cursors must do. */
export function auditStoreContract(make: () => AuditStore | Promise<AuditStore>): void {
  it('has nothing of a log before its audit, and keeps logs apart', async () => {
    const store = await make();
    expect(await store.load(ACME)).toBeUndefined();
    await store.save(ACME, stateOf(1));
    expect(await store.load(OTHER)).toBeUndefined();
    expect(await store.load(ACME)).toEqual(stateOf(1));
  });

  it('has what was saved last, whole', async () => {
    const store = await make();
    const standing = { codes: ['ledger.tile-mismatch'], laps: 1 };
    await store.save(ACME, { ...stateOf(1), standing });
    expect(await store.load(ACME)).toEqual({ ...stateOf(1), standing });
    await store.save(ACME, stateOf(2));
    expect(await store.load(ACME)).toEqual(stateOf(2));
  });
}
