import { expect, it } from 'vitest';
import type { ClaimRow, ClaimStore } from '../../core/ports/claim-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const tenant = TenantId.parse('acme');
const keyOf = (digit: string) => Sha256Hex.parse(digit.repeat(64));
const row = (digit: string, more: Partial<ClaimRow> = {}): ClaimRow => ({
  tenant,
  businessKey: keyOf(digit),
  machine: 'source-release',
  runName: `source-release-${digit}`,
  replay: 0,
  redrives: 0,
  status: 'running',
  claimedAt: '2026-11-01T10:00:00.000Z',
  eventId: 'e',
  input: { a: [1, { b: 'c' }] },
  ...more,
});

/** What every claim store must do. */
export function claimStoreContract(make: () => ClaimStore | Promise<ClaimStore>): void {
  it('gives a claim to the first and the stored row to every later caller', async () => {
    const store = await make();
    expect(await store.claim(row('a'))).toEqual({ claimed: true });
    expect(await store.claim(row('a', { eventId: 'other' }))).toEqual({ claimed: false, row: row('a') });
    expect(await store.claim(row('a', { machine: 'image-release', runName: 'image' }))).toEqual({ claimed: true });
    expect(await store.get(tenant, keyOf('a'), 'source-release')).toEqual(row('a'));
    expect(await store.get(TenantId.parse('other'), keyOf('a'), 'source-release')).toBeUndefined();
  });

  it('replaces only what is as expected and finds the claim by every run it had', async () => {
    const store = await make();
    await store.claim(row('a'));
    const next = row('a', { runName: 'source-release-a-r1', replay: 1 });
    const others = [{ status: 'failed' as const }, { replay: 1 }, { redrives: 1 }];
    for (const other of others)
      await expect(store.replace(next, row('a', other)), JSON.stringify(other)).rejects.toMatchObject({
        name: 'LedgerConflict',
      });
    expect(await store.byRun('source-release-a')).toEqual(row('a'));
    await store.replace(next, row('a'));
    expect(await store.byRun('source-release-a')).toEqual(next);
    expect(await store.byRun('source-release-a-r1')).toEqual(next);
    expect(await store.byRun('source-release-b')).toBeUndefined();
  });

  it('lets one of two who count the same redrive have it', async () => {
    const store = await make();
    const failed = row('a', { status: 'failed', error: 'X' });
    await store.claim(failed);
    const redriven = row('a', { redrives: 1 });
    const both = await Promise.allSettled([store.replace(redriven, failed), store.replace(redriven, failed)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    await store.replace({ ...failed, redrives: 1 }, redriven);
    // The same status and replay as at first, one redrive later: whoever read it then is too late.
    await expect(store.replace(redriven, failed)).rejects.toMatchObject({ name: 'LedgerConflict' });
  });

  it('lists newest first, by status', async () => {
    const store = await make();
    await store.claim(row('a'));
    await store.claim(row('b', { claimedAt: '2026-11-01T11:00:00.000Z' }));
    await store.replace(row('a', { status: 'failed', error: 'X' }), row('a'));
    expect((await store.list(tenant, { limit: 9 })).map(({ runName }) => runName.at(-1))).toEqual(['b', 'a']);
    expect((await store.list(tenant, { limit: 1 })).length).toBe(1);
    expect((await store.list(tenant, { status: 'failed', limit: 9 })).map(({ error }) => error)).toEqual(['X']);
    const again = row('a', { replay: 1, runName: 'source-release-a-r1', claimedAt: '2026-11-01T12:00:00.000Z' });
    await store.replace(again, row('a', { status: 'failed' }));
    expect((await store.list(tenant, { limit: 9 })).map(({ runName }) => runName)).toEqual([
      'source-release-a-r1',
      'source-release-b',
    ]);
  });
}
