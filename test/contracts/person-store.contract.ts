import { expect, it } from 'vitest';
import type { PersonStore } from '../../core/ports/person-store.ts';
import type { Erasure } from '../../core/privacy/erasure.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const ACME = TenantId.parse('acme');
const OTHER = TenantId.parse('other');
const ANA = Sha256Hex.parse('a'.repeat(64));
const BEN = Sha256Hex.parse('b'.repeat(64));
const ERASURE: Erasure = {
  id: 'erasure-1',
  by: { id: 'operator', authenticated: 'local' },
  pseudonym: BEN,
  objects: { count: 1, sha256: ANA },
};

async function listed(store: PersonStore, tenant: TenantId, person: Sha256Hex): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.mentions(tenant, person)) names.push(name);
  return names;
}

/** What every person store promises. */
export function personStoreContract(make: () => PersonStore | Promise<PersonStore>): void {
  it('makes one key for each person of each tenant, whoever asks first', async () => {
    const store = await make();
    expect(await store.knownKey(ACME, ANA)).toBeUndefined();
    const [first, second] = await Promise.all([store.keyOf(ACME, ANA), store.keyOf(ACME, ANA)]);
    expect(first).toHaveLength(32);
    expect(second).toEqual(first);
    expect(await store.knownKey(ACME, ANA)).toEqual(first);
    expect(await store.keyOf(OTHER, ANA)).not.toEqual(first);
    expect(await store.keyOf(ACME, BEN)).not.toEqual(first);
  });

  it('destroys a key for good, and never one that was made after it', async () => {
    const store = await make();
    const first = await store.keyOf(ACME, ANA);
    await store.destroyKey(ACME, ANA, first);
    await store.destroyKey(ACME, ANA, first);
    expect(await store.knownKey(ACME, ANA)).toBeUndefined();
    const second = await store.keyOf(ACME, ANA);
    expect(second).not.toEqual(first);
    await store.destroyKey(ACME, ANA, first);
    expect(await store.knownKey(ACME, ANA)).toEqual(second);
  });

  it('lists more mentions than one page holds, in order and apart', async () => {
    const store = await make();
    const names = Array.from({ length: 1001 }, (_, at) => `t/acme/raw/${String(at).padStart(4, '0')}`);
    for (const name of names) await store.mention(ACME, [ANA], name);
    await store.mention(ACME, [ANA, BEN], 't/acme/raw/0000');
    expect(await listed(store, ACME, ANA)).toEqual(names);
    expect(await listed(store, ACME, BEN)).toEqual(['t/acme/raw/0000']);
    expect(await listed(store, OTHER, ANA)).toEqual([]);
  });

  it('forgets mentions, however often it is asked', async () => {
    const store = await make();
    await store.mention(ACME, [], 't/acme/raw/0');
    await store.mention(ACME, [ANA, BEN], 't/acme/raw/1');
    await store.unmention(ACME, ANA, ['t/acme/raw/1', 't/acme/raw/never']);
    await store.unmention(ACME, ANA, ['t/acme/raw/1']);
    expect(await listed(store, ACME, ANA)).toEqual([]);
    expect(await listed(store, ACME, BEN)).toEqual(['t/acme/raw/1']);
  });

  it('keeps the erasure that was begun first until it is ended', async () => {
    const store = await make();
    expect(await store.erasure(ACME, ANA)).toBeUndefined();
    expect(await store.beginErasure(ACME, ANA, ERASURE)).toEqual(ERASURE);
    expect(await store.beginErasure(ACME, ANA, { ...ERASURE, id: 'erasure-2' })).toEqual(ERASURE);
    expect(await store.erasure(ACME, ANA)).toEqual(ERASURE);
    await store.endErasure(ACME, ANA);
    await store.endErasure(ACME, ANA);
    expect(await store.erasure(ACME, ANA)).toBeUndefined();
  });
}
