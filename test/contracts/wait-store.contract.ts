import { expect, it } from 'vitest';
import type { WaitRow, WaitStore } from '../../core/ports/wait-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const tenant = TenantId.parse('acme');
const other = TenantId.parse('other');
const keyOf = (digit: string) => Sha256Hex.parse(digit.repeat(64));
const row = (digit: string, more: Partial<WaitRow> = {}): WaitRow => ({
  tenant,
  businessKey: keyOf(digit),
  kind: 'stage',
  ordinal: 1,
  machine: 'promotion',
  runName: `promotion-${digit}`,
  token: `token-${digit}`,
  version: 0,
  open: true,
  state: { ticks: [1, { ok: true }], none: null },
  ...more,
});
const conflict = { name: 'LedgerConflict' };

/** What every wait store must do. */
export function waitStoreContract(make: () => WaitStore | Promise<WaitStore>): void {
  it('opens a wait for the first and gives the stored row to every later caller', async () => {
    const store = await make();
    expect(await store.get(row('a'))).toBeUndefined();
    expect(await store.open(row('a'))).toEqual({ opened: true });
    expect(await store.open(row('a', { token: 'another' }))).toEqual({ opened: false, row: row('a') });
    expect(await store.get(row('a'))).toEqual(row('a'));
  });

  it('opens a wait once when several callers try at the same time', async () => {
    const store = await make();
    const tries = ['1', '2', '3', '4'].map((token) => store.open(row('a', { token })));
    // A store may refuse one of several that meet; it never says twice that it has opened.
    const settled = await Promise.allSettled(tries);
    const answers = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    for (const each of settled)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ name: 'StoreUnavailable' });
    expect(answers.filter(({ opened }) => opened)).toHaveLength(1);
    const stored = await store.get(row('a'));
    for (const answer of answers) if (!answer.opened) expect(answer.row).toEqual(stored);
  });

  it.each([{ tenant: other }, { businessKey: keyOf('b') }, { kind: 'approval' as const }, { ordinal: 11 }])(
    'keeps waits apart that differ in %j',
    async (different) => {
      const store = await make();
      await store.open(row('a'));
      expect(await store.get(row('a', different))).toBeUndefined();
      expect(await store.open(row('a', different))).toEqual({ opened: true });
      expect(await store.get(row('a'))).toEqual(row('a'));
    },
  );

  it('replaces only the version before, and changes nothing otherwise', async () => {
    const store = await make();
    await expect(store.replace(row('a', { version: 1 }))).rejects.toMatchObject(conflict);
    await store.open(row('a'));
    for (const version of [0, 2, 7])
      await expect(store.replace(row('a', { version, open: false }))).rejects.toMatchObject(conflict);
    expect(await store.get(row('a'))).toEqual(row('a'));
    expect(await store.listOpen(tenant, 'stage', 9)).toEqual([row('a')]);
    const next = row('a', { version: 1, token: 'newer', runName: 'promotion-a-r1', state: 'any JSON' });
    await store.replace(next);
    expect(await store.get(row('a'))).toEqual(next);
    await expect(store.replace(next)).rejects.toMatchObject(conflict);
  });

  it('lists what is open as it is now, by tenant and kind, up to the limit', async () => {
    const store = await make();
    expect(await store.listOpen(tenant, 'stage', 9)).toEqual([]);
    const others = [row('a', { tenant: other }), row('a', { kind: 'approval', ordinal: 0 })];
    for (const each of [row('a'), row('b'), row('c'), ...others]) await store.open(each);
    const changed = row('b', { version: 1, state: { tick: 2 } });
    await store.replace(changed);
    const listed = await store.listOpen(tenant, 'stage', 9);
    expect(new Map(listed.map((each) => [each.businessKey, each]))).toEqual(
      new Map([row('a'), changed, row('c')].map((each) => [each.businessKey, each])),
    );
    expect(await store.listOpen(tenant, 'stage', 2)).toHaveLength(2);
    expect(await store.listOpen(tenant, 'approval', 9)).toEqual([others[1]]);
  });

  it('lists a wait no more once it is closed, and again when it is opened anew', async () => {
    const store = await make();
    await store.open(row('a'));
    const closed = row('a', { version: 1, open: false });
    await store.replace(closed);
    expect(await store.listOpen(tenant, 'stage', 9)).toEqual([]);
    expect(await store.get(row('a'))).toEqual(closed);
    expect(await store.open(row('a'))).toEqual({ opened: false, row: closed });
    const again = row('a', { version: 2 });
    await store.replace(again);
    expect(await store.listOpen(tenant, 'stage', 9)).toEqual([again]);
  });
}
