import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { H1Digest } from '../../core/brands.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import type { ModuleBytesKind, ModuleCache } from '../../core/ports/module-cache.ts';
import type { RandomAccess } from '../../core/ports/module-source.ts';

const h1Of = (letter: string) => H1Digest.parse(`h1:${letter.repeat(43)}=`);
const [A, B] = [h1Of('A'), h1Of('/')];
const MIB = 1024 * 1024;

/** What every module cache promises. `make` opens an empty one. */
export function describeModuleCache(name: string, make: () => Promise<ModuleCache>): void {
  describe(`${name} as a module cache`, () => {
    let cache: ModuleCache;
    beforeEach(async () => {
      cache = await make();
    });

    const put = (kind: ModuleBytesKind, h1: H1Digest, bytes: Uint8Array) => cache.put(kind, h1, accessOf(bytes));
    async function read(kind: ModuleBytesKind, h1: H1Digest): Promise<Buffer | undefined> {
      const kept = await cache.get(kind, h1);
      if (!kept) return undefined;
      try {
        return Buffer.from(await kept.read(0, kept.size));
      } finally {
        await kept.release();
      }
    }

    it('gives back what was put, by kind and h1', async () => {
      await put('zip', A, Buffer.from('a zip'));
      await put('go.mod', A, Buffer.from('module a\n'));
      expect(await read('zip', A)).toEqual(Buffer.from('a zip'));
      expect(await read('go.mod', A)).toEqual(Buffer.from('module a\n'));
      expect(await read('zip', B)).toBeUndefined();
      expect(await read('go.mod', B)).toBeUndefined();
    });

    it('is read piece by piece, in any order', async () => {
      const bytes = randomBytes(17 * MIB + 3);
      await put('zip', A, bytes);
      const kept = await cache.get('zip', A);
      expect(kept?.size).toBe(bytes.length);
      for (const [at, length] of [
        [0, 10],
        [bytes.length - 22, 22],
        [8 * MIB - 1, 2],
        [0, 9 * MIB],
        [9 * MIB, 8 * MIB + 3],
        [5, 0],
      ] as const)
        expect(bytes.subarray(at, at + length).equals((await kept?.read(at, length)) ?? Buffer.from('none'))).toBe(
          true,
        );
      await expect(kept?.read(bytes.length - 1, 2)).rejects.toThrow();
      await kept?.release();
    });

    it('takes a second put, and many at once, and shows one of them whole', async () => {
      const versions = Array.from({ length: 6 }, () => randomBytes(2 * MIB));
      await Promise.all(versions.map((bytes) => put('zip', A, bytes)));
      await put('zip', A, versions[0] ?? Buffer.of(0));
      const found = await read('zip', A);
      expect(versions.some((bytes) => found?.equals(bytes))).toBe(true);
    });

    it('shows nothing of what could not be read to its end', async () => {
      const broken: RandomAccess = {
        size: 3 * MIB,
        read: async (offset, length) => {
          if (offset + length > MIB) throw new Error('the source is gone');
          return randomBytes(length);
        },
      };
      await expect(cache.put('zip', A, broken)).rejects.toThrow();
      expect(await read('zip', A)).toBeUndefined();
    });
  });
}
