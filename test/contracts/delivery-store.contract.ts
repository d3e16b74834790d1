import { expect, it } from 'vitest';
import type { DeliveryRow, DeliveryStore } from '../../core/ports/delivery-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { NormalisedSourceTag } from '../../events/normalised.ts';

const tenant = TenantId.parse('acme');
const row = (id: string, more: Partial<DeliveryRow> = {}): DeliveryRow => ({
  key: `github/github.com/${id}`,
  tenant,
  provider: 'github',
  instance: 'github.com',
  deliveryId: '01JDC2S7Q4F3X6V1N8K0M5T9ZB',
  receivedAt: '2026-11-01T10:00:00.000Z',
  bodySha256: Sha256Hex.parse('a'.repeat(64)),
  auth: { scheme: 'hmac-sha256', keyId: 'secret-1' },
  normalised: {
    outcome: 'emit',
    code: null,
    why: null,
    events: [
      NormalisedSourceTag.parse({
        kind: 'source-tag',
        id: `event-${id}`,
        detailType: 'source.tag.deleted',
        deliveryId: `${id}#0`,
        provider: 'github',
        repository: { host: 'github.com', name: 'acme/sample', id: null, url: null },
        actor: null,
        occurredAt: null,
        tag: 'v1.0.0',
        deleted: true,
        commit: null,
        objectSha: null,
      }),
    ],
  },
  status: 'received',
  attempts: 0,
  dueAt: 1000,
  events: [],
  ...more,
});

/** What every delivery store must do. */
export function deliveryStoreContract(make: () => DeliveryStore | Promise<DeliveryStore>): void {
  it('keeps the first row of a key and answers every later caller with it', async () => {
    const store = await make();
    expect(await store.claim(row('1'))).toEqual({ claimed: true });
    expect(await store.claim(row('1', { attempts: 7 }))).toEqual({ claimed: false, row: row('1') });
    expect(await store.get(tenant, row('1').key)).toEqual(row('1'));
    expect(await store.get(TenantId.parse('other'), row('1').key)).toBeUndefined();
  });

  it('finds the row that holds an event, within its tenant', async () => {
    const store = await make();
    await store.claim(row('1'));
    await store.claim(row('2'));
    expect(await store.byEvent(tenant, 'event-2')).toEqual(row('2'));
    expect(await store.byEvent(TenantId.parse('other'), 'event-2')).toBeUndefined();
    expect(await store.byEvent(tenant, 'event-3')).toBeUndefined();
  });

  it('replaces only a row that is as expected', async () => {
    const store = await make();
    await store.claim(row('1'));
    const done = row('1', { status: 'published', attempts: 1 });
    await expect(store.replace(done, { status: 'received', attempts: 1 })).rejects.toMatchObject({
      name: 'LedgerConflict',
    });
    await store.replace(done, row('1'));
    await expect(store.replace(done, row('1'))).rejects.toMatchObject({ name: 'LedgerConflict' });
    expect(await store.get(tenant, done.key)).toEqual(done);
  });

  it('lists what is received and due, oldest first', async () => {
    const store = await make();
    await store.claim(row('late', { dueAt: 3000 }));
    await store.claim(row('second', { dueAt: 2000 }));
    await store.claim(row('first', { dueAt: 1000 }));
    await store.claim(row('done', { status: 'published' }));
    const due = async (now: number, limit: number) => (await store.due(now, limit)).map(({ key }) => key.split('/')[2]);
    expect(await due(2000, 9)).toEqual(['first', 'second']);
    expect(await due(9000, 1)).toEqual(['first']);
    expect(await due(999, 9)).toEqual([]);
  });
}
