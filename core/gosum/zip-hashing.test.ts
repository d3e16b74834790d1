import { createHash } from 'node:crypto';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { H1Memo, RememberedHash } from '../ports/h1-memo.ts';
import type { RandomAccess } from '../ports/module-source.ts';
import { accessOf, plainZipHasher, rememberingZipHasher, ZIP_RULES } from './zip-hashing.ts';

const PATH = ModulePath.parse('example.com/m');
const OTHER = ModulePath.parse('example.com/other');
const VERSION = ModuleVersion.parse('v1.0.0');
const zipOf = (text: string) => zipSync({ [`${PATH}@${VERSION}/a.go`]: Buffer.from(text) });
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

function memoryMemo(): H1Memo & { readonly entries: RememberedHash[] } {
  const entries: RememberedHash[] = [];
  return {
    entries,
    find: async (module, version) => entries.filter((entry) => entry.module === module && entry.version === version),
    add: async (entry) => void entries.push(entry),
  };
}

/** A hasher that counts how often it had to read contents. */
function counting() {
  const counts = { hash: 0 };
  const hash: typeof plainZipHasher.hash = (...of) => {
    counts.hash += 1;
    return plainZipHasher.hash(...of);
  };
  return { counts, hasher: { ...plainZipHasher, hash } };
}

describe('a hasher', () => {
  it('gives the SHA-256 of the very zip that it hashed', async () => {
    const zip = zipOf('package a\n');
    const hashed = await plainZipHasher.hash(accessOf(zip), PATH, VERSION);
    expect(hashed).toMatchObject({ kind: 'hashed', sha256: sha256Of(zip) });
    expect(await plainZipHasher.sha256(accessOf(zip))).toBe(sha256Of(zip));
  });

  it('refuses bytes that end before what they announce', async () => {
    await expect(accessOf(Buffer.from('abc')).read(1, 3)).rejects.toThrow(RangeError);
  });
});

describe('a hasher with a memo', () => {
  it('reads contents once, and knows the zip again by its bytes', async () => {
    const memo = memoryMemo();
    const { counts, hasher } = counting();
    const remembering = rememberingZipHasher(hasher, memo);
    const zip = zipOf('package a\n');
    const first = await remembering.hash(accessOf(zip), PATH, VERSION);
    expect(await remembering.hash(accessOf(zip), PATH, VERSION)).toEqual(first);
    expect(counts.hash).toBe(1);
  });

  it('hashes a zip of one other byte, and one of another module or version', async () => {
    const memo = memoryMemo();
    const { counts, hasher } = counting();
    const remembering = rememberingZipHasher(hasher, memo);
    const zip = zipOf('package a\n');
    const first = await remembering.hash(accessOf(zip), PATH, VERSION);
    const changed = Uint8Array.from(zip);
    // The time of the first entry: read and hashed by nobody, and yet another zip.
    changed[10] = (changed[10] ?? 0) ^ 1;
    expect(await remembering.hash(accessOf(changed), PATH, VERSION)).toMatchObject({
      h1: first.kind === 'hashed' && first.h1,
      sha256: sha256Of(changed),
    });
    expect(await remembering.hash(accessOf(zip), OTHER, VERSION)).toMatchObject({ kind: 'invalid' });
    expect(await remembering.hash(accessOf(zip), PATH, ModuleVersion.parse('v1.0.1'))).toMatchObject({
      kind: 'invalid',
    });
    expect(counts.hash).toBe(4);
  });

  it('remembers no zip that is invalid', async () => {
    const memo = memoryMemo();
    await rememberingZipHasher(plainZipHasher, memo).hash(accessOf(Buffer.from('no zip')), PATH, VERSION);
    expect(memo.entries).toEqual([]);
  });

  it('believes nothing that other rules hashed', async () => {
    const memo = memoryMemo();
    const { counts, hasher } = counting();
    const remembering = rememberingZipHasher(hasher, memo);
    const zip = zipOf('package a\n');
    await remembering.hash(accessOf(zip), PATH, VERSION);
    memo.entries.splice(0, 1, ...memo.entries.map((entry) => ({ ...entry, rules: ZIP_RULES - 1 })));
    await remembering.hash(accessOf(zip), PATH, VERSION);
    expect(counts.hash).toBe(2);
  });

  it('remembers the bytes that it hashed, also where a file is exchanged while it is read', async () => {
    const memo = memoryMemo();
    const [good, evil] = [zipOf('package good\n'), zipOf('package evil\n')];
    expect(good.length).toBe(evil.length);
    const remembering = rememberingZipHasher(plainZipHasher, memo);
    // Something is known of the version, so that the file is read for its SHA-256 before it is read for its h1.
    await remembering.hash(accessOf(zipOf('package other\n')), PATH, VERSION);
    let reads = 0;
    const exchanged: RandomAccess = {
      size: evil.length,
      read: async (offset, length) => (reads++ === 0 ? evil : good).subarray(offset, offset + length),
    };
    await remembering.hash(exchanged, PATH, VERSION);
    expect(reads).toBe(2);
    expect(memo.entries.map(({ sha256 }) => sha256)).not.toContain(sha256Of(evil));
    expect(await remembering.hash(accessOf(evil), PATH, VERSION)).not.toMatchObject({
      h1: memo.entries[1]?.h1,
    });
  });
});
