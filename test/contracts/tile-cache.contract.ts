import { expect, it } from 'vitest';
import type { TileCache } from '../../core/ports/tile-cache.ts';

const LOG = 'sumdb.test.example+00000000';
const bytes = (...values: number[]) => Uint8Array.of(...values);

/** What every tile cache must do. */
export function tileCacheContract(make: () => TileCache | Promise<TileCache>): void {
  it('has nothing under a name before it is put, nor under one that others begin with', async () => {
    const cache = await make();
    await cache.put(LOG, 'tile/8/0/x001/234', bytes(1));
    expect(await cache.get(LOG, 'tile/8/0/x001')).toBeUndefined();
    expect(await cache.get(LOG, 'tile/8/0/x001/235')).toBeUndefined();
    expect(await cache.get('another', 'tile/8/0/x001/234')).toBeUndefined();
    expect(await cache.get(LOG, 'tile/8/0/x001/234')).toEqual(bytes(1));
  });

  it('replaces what is there, also by less', async () => {
    const cache = await make();
    await cache.put(LOG, 'tile/8/1/000.p', bytes(1, 2, 3));
    await cache.put(LOG, 'tile/8/1/000.p', bytes(4));
    expect(await cache.get(LOG, 'tile/8/1/000.p')).toEqual(bytes(4));
  });

  it('keeps names apart that a file system or an object store might mix up', async () => {
    const cache = await make();
    const names = [
      'lookup/example.com/!a@v1.0.0+incompatible',
      'lookup/example.com/a@v1.0.0+incompatible',
      'lookup/example.com/a/b@v1.0.0-x.0~y',
      `lookup/example.com/${'long'.repeat(200)}@v1.0.0`,
      ...['v1.0.0', 'v1.0.1'].map((version) => `lookup/${'long'.repeat(256)}@${version}`),
    ];
    for (const [at, name] of names.entries()) await cache.put(LOG, name, bytes(at));
    expect(await Promise.all(names.map((name) => cache.get(LOG, name)))).toEqual(names.map((_, at) => bytes(at)));
  });

  it('gives whole bytes to readers while writers replace them', async () => {
    const cache = await make();
    await cache.put(LOG, 'tile/8/0/000', new Uint8Array(8192).fill(1));
    const writes = [2, 3, 4, 5].map((fill) => cache.put(LOG, 'tile/8/0/000', new Uint8Array(8192).fill(fill)));
    const read = await cache.get(LOG, 'tile/8/0/000');
    await Promise.all(writes);
    expect(read).toEqual(new Uint8Array(8192).fill(read?.[0] ?? 0));
  });
}
