import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { memoryModuleCache } from '../../test/fakes/memory-module-cache.ts';
import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import type { ModuleSource } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import { cachedModules, inOrder, modulesByLines, statedH1 } from './cached-modules.ts';
import { h1OfGoMod } from './dirhash.ts';
import { parseGoSum } from './go-sum.ts';
import { accessOf, hashingOnce, plainZipHasher } from './zip-hashing.ts';

const PATH = ModulePath.parse('example.com/m');
const VERSION = ModuleVersion.parse('v1.0.0');
const zipOf = (text: string, prefix = `${PATH}@${VERSION}/`) => zipSync({ [`${prefix}a.go`]: Buffer.from(text) });
const GOOD = zipOf('package a\n');
const EVIL = zipOf('package evil\n');
const GO_MOD = Buffer.from('module example.com/m\n');

async function h1Of(zip: Uint8Array): Promise<H1Digest> {
  const hashed = await plainZipHasher.hash(accessOf(zip), PATH, VERSION);
  return H1Digest.parse(hashed.kind === 'hashed' ? hashed.h1 : hashed.why);
}

/** A source that counts what is asked of it and what it lent out. */
function sourceOf(zip: Uint8Array | undefined, goMod: Uint8Array | undefined = GO_MOD) {
  const counts = { asked: 0, lent: 0 };
  const source: ModuleSource = {
    goMod: async () => {
      counts.asked += 1;
      return goMod;
    },
    zip: async () => {
      counts.asked += 1;
      counts.lent += zip ? 1 : 0;
      const release = async () => {
        counts.lent -= 1;
      };
      return zip && { ...accessOf(zip), release };
    },
  };
  return { source, counts };
}

/** The plain hasher, which counts. */
function countingHasher() {
  const counts = { hash: 0 };
  const counting: ZipHasher = {
    ...plainZipHasher,
    hash: (...of) => {
      counts.hash += 1;
      return plainZipHasher.hash(...of);
    },
  };
  return { counts, counting };
}

async function world(fetched: Uint8Array | undefined, stated?: H1Digest, hasher: ZipHasher = plainZipHasher) {
  const cache = memoryModuleCache();
  const { source, counts } = sourceOf(fetched);
  const modules = cachedModules({
    source,
    cache,
    hasher,
    stated: (_path, _version, kind) => (kind === 'zip' ? stated : h1OfGoMod(GO_MOD)),
  });
  const read = async () => {
    const zip = await modules.zip(PATH, VERSION);
    const bytes = zip && Buffer.from(await zip.read(0, zip.size));
    await zip?.release();
    return bytes;
  };
  return { cache, counts, modules, read };
}

describe('a module cache in front of a source', () => {
  it('has each zip and each go.mod fetched once', async () => {
    const { counts, modules, read } = await world(GOOD, await h1Of(GOOD));
    for (let time = 0; time < 3; time += 1) {
      expect(await read()).toEqual(Buffer.from(GOOD));
      expect(Buffer.from((await modules.goMod(PATH, VERSION)) ?? [])).toEqual(GO_MOD);
    }
    expect(counts).toEqual({ asked: 2, lent: 0 });
  });

  it('fetches again what lies changed in the cache, whole or go.mod', async () => {
    const { cache, counts, modules, read } = await world(GOOD, await h1Of(GOOD));
    cache.objects.set(`zip ${await h1Of(GOOD)}`, EVIL);
    cache.objects.set(`go.mod ${h1OfGoMod(GO_MOD)}`, Buffer.from('module evil\n'));
    expect(await read()).toEqual(Buffer.from(GOOD));
    expect(Buffer.from((await modules.goMod(PATH, VERSION)) ?? [])).toEqual(GO_MOD);
    expect(counts.asked).toBe(2);
    expect(cache.objects.get(`zip ${await h1Of(GOOD)}`)).toEqual(GOOD);
  });

  it.each([
    ['torn', GOOD.subarray(0, -5)],
    ['empty', new Uint8Array()],
    ['of another module', zipOf('package a\n', 'example.com/other@v1.0.0/')],
  ])('takes nothing from the cache that is %s', async (_, kept) => {
    const { cache, counts, read } = await world(GOOD, await h1Of(GOOD));
    cache.objects.set(`zip ${await h1Of(GOOD)}`, kept);
    expect(await read()).toEqual(Buffer.from(GOOD));
    expect(counts.asked).toBe(1);
  });

  it('stores what a lying source sends under what it hashes to, never under what was stated', async () => {
    const { cache, read } = await world(EVIL, await h1Of(GOOD));
    expect(await read()).toEqual(Buffer.from(EVIL));
    expect([...cache.objects.keys()]).toEqual([`zip ${await h1Of(EVIL)}`]);
  });

  it('stores nothing that is no module zip, and hands it on to be judged', async () => {
    const html = Buffer.from('<html>not found</html>');
    const { cache, read } = await world(html, await h1Of(GOOD));
    expect(await read()).toEqual(html);
    expect(cache.objects.size).toBe(0);
  });

  it('asks the source where nothing is stated, and stores the answer', async () => {
    const { cache, counts, read } = await world(GOOD);
    await read();
    await read();
    expect(counts.asked).toBe(2);
    expect(cache.objects.size).toBe(1);
  });

  it('says that there is none when the source does', async () => {
    const { read } = await world(undefined, await h1Of(GOOD));
    expect(await read()).toBeUndefined();
  });

  it('gives every zip back when hashing fails', async () => {
    const failing: ZipHasher = { ...plainZipHasher, hash: () => Promise.reject(new Error('the thread ended')) };
    const { counts, modules } = await world(GOOD, await h1Of(GOOD), failing);
    await expect(modules.zip(PATH, VERSION)).rejects.toThrow('the thread ended');
    expect(counts.lent).toBe(0);
  });

  it('has a zip hashed once for itself and its reader, where they share the hasher', async () => {
    const { counts, counting } = countingHasher();
    const hasher = hashingOnce(counting);
    const { modules } = await world(GOOD, await h1Of(GOOD), hasher);
    for (let time = 1; time <= 2; time += 1) {
      const zip = await modules.zip(PATH, VERSION);
      if (zip) await hasher.hash(zip, PATH, VERSION);
      expect(counts.hash).toBe(time);
    }
  });
});

describe('what reads modules by the lines of a go.sum', () => {
  const linesOf = async () => parseGoSum(`${PATH} ${VERSION} ${await h1Of(GOOD)}\n`).lines;

  it('reads through the cache what the lines state, and hashes each zip once', async () => {
    const { counts: hashes, counting } = countingHasher();
    const { source, counts } = sourceOf(GOOD);
    const cache = memoryModuleCache();
    const { modules, hasher } = modulesByLines({ modules: source, cache, hasher: counting }, await linesOf());
    for (let time = 1; time <= 2; time += 1) {
      const zip = await modules.zip(PATH, VERSION);
      expect(zip && (await hasher.hash(zip, PATH, VERSION))).toMatchObject({ h1: await h1Of(GOOD) });
      await zip?.release();
      expect(hashes.hash).toBe(time);
    }
    expect(counts).toEqual({ asked: 1, lent: 0 });
  });

  it('is the source itself where there is no cache', async () => {
    const { source } = sourceOf(GOOD);
    const found = modulesByLines({ modules: source, hasher: plainZipHasher }, await linesOf());
    expect(found).toEqual({ modules: source, hasher: plainZipHasher });
  });
});

describe('the h1 that go.sum states', () => {
  it('is of the zip or of the go.mod', () => {
    const line = (key: string, letter: string) => `${key} h1:${letter.repeat(43)}=\n`;
    const text = line('example.com/m v1.0.0', 'A') + line('example.com/m v1.0.0/go.mod', 'E');
    const stated = statedH1(parseGoSum(text).lines);
    expect(stated(PATH, VERSION, 'zip')).toBe(`h1:${'A'.repeat(43)}=`);
    expect(stated(PATH, VERSION, 'go.mod')).toBe(`h1:${'E'.repeat(43)}=`);
    expect(stated(PATH, ModuleVersion.parse('v1.0.1'), 'zip')).toBeUndefined();
  });
});

describe('sources in order', () => {
  it('are asked until one has the module; a fault is no absence', async () => {
    const [none, some] = [sourceOf(undefined), sourceOf(GOOD)];
    expect((await inOrder(none.source, some.source).zip(PATH, VERSION))?.size).toBe(GOOD.length);
    expect(await inOrder(none.source).zip(PATH, VERSION)).toBeUndefined();
    const broken: ModuleSource = { ...none.source, zip: () => Promise.reject(new Error('broken')) };
    await expect(inOrder(broken, some.source).zip(PATH, VERSION)).rejects.toThrow('broken');
    expect(Buffer.from((await inOrder(none.source).goMod(PATH, VERSION)) ?? [])).toEqual(GO_MOD);
  });
});
