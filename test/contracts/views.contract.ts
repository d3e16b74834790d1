import { expect, it } from 'vitest';
import type { ViewRow, Views } from '../../core/ports/views.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';

const tenant = TenantId.parse('acme');
const leaf = Sha256Hex.parse('a'.repeat(64));
const row = (index: number, ...tags: string[]): ViewRow => ({
  tenant,
  index,
  leaf,
  terms: tags.map((value) => ({ field: 'tag', value })),
});

/** What every view store must do. */
export function viewsContract(make: () => Views | Promise<Views>): void {
  it('finds entries by a term, newest first, page by page', async () => {
    const views = await make();
    await views.put(tenant, [row(0, 'v1'), row(1, 'v2'), row(2, 'v1', 'v2')], 3);
    const find = async (value: string, page: { before?: number; limit: number }) =>
      (await views.find(tenant, 'tag', value, page)).map(({ index }) => index);
    expect(await find('v1', { limit: 9 })).toEqual([2, 0]);
    expect(await find('v1', { limit: 1 })).toEqual([2]);
    expect(await find('v1', { limit: 9, before: 2 })).toEqual([0]);
    expect(await find('v3', { limit: 9 })).toEqual([]);
    expect(await views.find(tenant, 'commit', 'v1', { limit: 9 })).toEqual([]);
    expect(await views.find(TenantId.parse('other'), 'tag', 'v1', { limit: 9 })).toEqual([]);
  });

  it('keeps its watermark and changes nothing when a row is put twice', async () => {
    const views = await make();
    expect(await views.watermark(tenant)).toBe(0);
    await views.put(tenant, [row(0, 'v1')], 1);
    await views.put(tenant, [row(0, 'v1')], 1);
    expect(await views.watermark(tenant)).toBe(1);
    expect(await views.find(tenant, 'tag', 'v1', { limit: 9 })).toEqual([{ index: 0, leaf }]);
  });
}
