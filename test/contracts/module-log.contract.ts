import { expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import type { LoggedModule, ModuleLogStore } from '../../core/ports/module-log-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const ACME = TenantId.parse('acme');
const OTHER = TenantId.parse('other');
const hash = (value: number) => Sha256Hex.parse(value.toString(16).padStart(64, '0'));
const module = (index: number, path = `git.example.com/acme/m${index}`): LoggedModule => ({
  index,
  path: ModulePath.parse(path),
  version: ModuleVersion.parse('v1.0.0'),
  text: `${path} v1.0.0 h1:a\n${path} v1.0.0/go.mod h1:b\n`,
  trust: index % 2 === 0 ? 'tofu' : 'upstream',
  loggedAt: '2026-11-23T10:00:00.000Z',
});
const head = (size: number) => ({ size, edge: [hash(size)] });
const leaves = (index: number) => [{ level: 0, index, hash: hash(index) }];
const append = (store: ModuleLogStore, index: number, tenant = ACME) =>
  store.append(tenant, module(index), leaves(index), head(index + 1), index);

/** What every store of module logs must do. */
export function moduleLogContract(make: () => ModuleLogStore | Promise<ModuleLogStore>): void {
  it('begins empty, and keeps tenants apart', async () => {
    const store = await make();
    await append(store, 0, OTHER);
    expect(await store.head(ACME)).toEqual({ size: 0, edge: [] });
    expect(await store.find(ACME, module(0).path, module(0).version)).toBeUndefined();
    expect([await store.modules(ACME, 0, 5), await store.hashes(ACME, 0, 0, 5)]).toEqual([[], []]);
  });

  it('gives modules and hashes in order, by range and by name', async () => {
    const store = await make();
    for (let index = 0; index < 12; index += 1) await append(store, index);
    expect(await store.head(ACME)).toEqual(head(12));
    expect(await store.modules(ACME, 9, 100)).toEqual([9, 10, 11].map((index) => module(index)));
    expect(await store.modules(ACME, 2, 1)).toEqual([module(2)]);
    expect(await store.hashes(ACME, 0, 8, 3)).toEqual([8, 9, 10].map(hash));
    expect(await store.hashes(ACME, 1, 0, 3)).toEqual([]);
    expect(await store.find(ACME, module(7).path, module(7).version)).toEqual(module(7));
  });

  it('refuses an append at another size, or of what is logged, and changes nothing', async () => {
    const store = await make();
    await append(store, 0);
    const conflict = { name: 'LedgerConflict' };
    await expect(append(store, 0)).rejects.toMatchObject(conflict);
    await expect(append(store, 2)).rejects.toMatchObject(conflict);
    const again = { ...module(0), index: 1 };
    await expect(store.append(ACME, again, leaves(1), head(2), 1)).rejects.toMatchObject(conflict);
    expect(await store.head(ACME)).toEqual(head(1));
    expect([await store.modules(ACME, 0, 9), await store.hashes(ACME, 0, 0, 9)]).toEqual([[module(0)], [hash(0)]]);
  });

  it('lets one of racing writers win', async () => {
    const store = await make();
    const paths = ['a', 'b', 'c'].map((name) => `git.example.com/acme/${name}`);
    const raced = await Promise.allSettled(
      paths.map((path) => store.append(ACME, module(0, path), leaves(0), head(1), 0)),
    );
    expect(raced.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await store.modules(ACME, 0, 9)).toHaveLength(1);
  });
}
