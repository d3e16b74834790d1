import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  appendToEdge,
  consistencyProof,
  edgeOf,
  emptyRoot,
  inclusionProof,
  leafHash,
  nodeHash,
  type ReadHash,
  rootOfEdge,
  rootOfHashes,
  verifyConsistency,
  verifyInclusion,
} from './merkle.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const decimalLeaf = (index: number) => leafHash(new TextEncoder().encode(String(index)));

// The eight leaves of RFC 6962's reference implementations; roots and paths as Go's tlog package computes them.
const LEAVES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  (entry) => leafHash(hex(entry)),
);
const ROOTS: Record<number, string> = {
  0: '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
  1: 'bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=',
  2: '+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=',
  3: 'rra8/idLcKFPsGel5VeCZNsPqbUa9eC6FZFY8yngbnc=',
  7: '3bib5AOAnjJXUNPSY814kpwpQreUKjS3fhIslZSnTIw=',
  8: 'XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=',
};
const CONSISTENCY: Record<number, string[]> = {
  1: [
    'lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=',
    'Xwg/ChozygdqlSeYMlgNs+DvRYS9/x9UyKNg9Q3jAx4=',
    'a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=',
  ],
  6: [
    'DrxdNDf74tsVi58Sah0RjjCBgQMdCpSfje3t68VY72o=',
    'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
    '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
  ],
};

const readerOf =
  (leaves: readonly Uint8Array[]): ReadHash =>
  async (level, index) =>
    rootOfHashes(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const flip = (bytes: Uint8Array, bit: number) =>
  bytes.map((byte, at) => (at === Math.floor(bit / 8) ? byte ^ (1 << (bit % 8)) : byte));

const MOST = 130;
const MANY = Array.from({ length: MOST }, (_, index) => decimalLeaf(index));
const MANY_ROOTS = Array.from({ length: MOST + 1 }, (_, size) => rootOfHashes(MANY.slice(0, size)));
const rootAt = (size: number) => MANY_ROOTS[size] ?? emptyRoot();
const kept = new Map<string, Promise<Uint8Array>>();
const readMany: ReadHash = (level, index) => {
  const key = `${level}/${index}`;
  const hash = kept.get(key) ?? readerOf(MANY)(level, index);
  kept.set(key, hash);
  return hash;
};

const WAYS = [
  (path: readonly Uint8Array[], at: number) => path.with(at, flip(path[at] ?? emptyRoot(), (at * 37) % 256)),
  (path: readonly Uint8Array[], at: number) => path.toSpliced(at, 1),
  (path: readonly Uint8Array[], at: number) => path.toSpliced(at, 0, path[at] ?? emptyRoot()),
];
/** Up to here every hash of a path is spoilt in every way; above in one way, which changes from hash to hash. */
const EVERY_WAY = 40;
const SLOW_MS = 60_000;

/** The path with each single hash changed, dropped or doubled. */
const spoilt = (path: readonly Uint8Array[], size: number, turn: number) =>
  path.flatMap((_, at) =>
    WAYS.filter((_, way) => size <= EVERY_WAY || way === (turn + at) % WAYS.length).map((spoil) => spoil(path, at)),
  );

describe('the Merkle tree', () => {
  it.each(Object.entries(ROOTS))('has the known root of the first %s leaves', (size, root) => {
    expect(base64(rootOfHashes(LEAVES.slice(0, Number(size))))).toBe(root);
  });

  it.each([
    [255, 'Mvhbyqh9e80Fco8J6a66NQumovczgwCH8Fl2goSL5cs='],
    [256, 'goUV0DPBnYyQHzfsy4rtkZZncDSG+NL/8c9wQDIcXbE='],
    [257, 'HtoEmkNR2G92JSvX7At3Rq11t/oDFq1fVB29pFijEsQ='],
    [65_536, '8CXQbtgEhZ/SdKG9rK3W5I6odjSqkeHtsgFD+UmM0Cs='],
    [70_000, 'Gkzfy2Y3SgwNy+9JrL1JdtE+6GT7PLJB/JQ8rQTwL34='],
  ])('has the known root of %i decimal leaves', (size, root) => {
    const leaves = Array.from({ length: size }, (_, index) => decimalLeaf(index));
    expect(base64(rootOfHashes(leaves))).toBe(root);
  });

  it.each(Object.entries(CONSISTENCY))('makes and accepts the known proof from %s to 8 leaves', async (size, known) => {
    const from = Number(size);
    const path = await consistencyProof(from, 8, readerOf(LEAVES));
    expect(path.map(base64)).toEqual(known);
    expect(verifyConsistency(from, rootOfHashes(LEAVES.slice(0, from)), 8, rootOfHashes(LEAVES), path)).toBe(true);
  });

  it('makes and accepts the known inclusion path of leaf 5', async () => {
    const path = await inclusionProof(5, 8, readerOf(LEAVES));
    expect(path.map(base64)).toEqual([
      'vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=',
      'yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=',
      '037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=',
    ]);
  });

  it('appends to an edge as if the tree were built anew', () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(300), (first, second) => {
        const leaves = Array.from({ length: first + second }, (_, index) => decimalLeaf(index));
        const edge = appendToEdge(appendToEdge([], 0, leaves.slice(0, first)), first, leaves.slice(first));
        expect(rootOfEdge(edge)).toEqual(rootOfHashes(leaves));
      }),
      { numRuns: 30 },
    );
  });

  it('refuses an edge that does not fit its size', () => {
    expect(() => appendToEdge([], 3, [])).toThrow(RangeError);
    expect(() => appendToEdge([emptyRoot()], 2 ** 53, [])).toThrow(RangeError);
  });

  it(
    'proves every leaf of every tree of up to 130 leaves, and nothing else',
    async () => {
      const wrong: string[] = [];
      for (let size = 1; size <= MOST; size += 1) {
        const root = rootAt(size);
        for (let index = 0; index < size; index += 1) {
          const leaf = MANY[index] ?? emptyRoot();
          const path = await inclusionProof(index, size, readMany);
          const accepts = (at: number, proof = path, of = leaf, to = root) => verifyInclusion(of, at, size, proof, to);
          const refused = [
            ...spoilt(path, size, index).map((proof) => accepts(index, proof)),
            accepts(index, [...path, root]),
            accepts(index, path, flip(leaf, index)),
            accepts(index, path, leaf, flip(root, size)),
            accepts(index + 1),
          ];
          if (!accepts(index) || refused.includes(true)) wrong.push(`${index} of ${size}`);
        }
      }
      expect(wrong).toEqual([]);
    },
    SLOW_MS,
  );

  it(
    'proves that each tree of up to 130 leaves begins with each smaller one, and nothing else',
    async () => {
      const wrong: string[] = [];
      for (let to = 1; to <= MOST; to += 1)
        for (let from = 1; from < to; from += 1) {
          const path = await consistencyProof(from, to, readMany);
          const accepts = (proof = path, oldRoot = rootAt(from), newRoot = rootAt(to)) =>
            verifyConsistency(from, oldRoot, to, newRoot, proof);
          const refused = [
            ...spoilt(path, to, from).map((proof) => accepts(proof)),
            accepts([...path, rootAt(to)]),
            accepts([rootAt(from), ...path]),
            accepts(path, rootAt(to), rootAt(from)),
            accepts(path, flip(rootAt(from), 1)),
            accepts(path, rootAt(from), flip(rootAt(to), 1)),
            verifyConsistency(from - 1, rootAt(from - 1), to, rootAt(to), path),
          ];
          if (!accepts() || refused.includes(true)) wrong.push(`${from} to ${to}`);
        }
      expect(wrong).toEqual([]);
    },
    SLOW_MS,
  );

  it('takes no leaf, root or hash of another length', () => {
    const [leaf = emptyRoot(), sibling = emptyRoot()] = LEAVES;
    const root = nodeHash(leaf, sibling);
    const short = sibling.slice(1);
    const overShort = createHash('sha256').update(Uint8Array.of(1)).update(leaf).update(short).digest();
    expect(verifyInclusion(leaf, 0, 2, [short], overShort)).toBe(false);
    expect(verifyInclusion(leaf.slice(1), 0, 1, [], leaf.slice(1))).toBe(false);
    expect(verifyConsistency(1, leaf, 2, overShort, [short])).toBe(false);
    expect(verifyConsistency(0, emptyRoot(), 2, root.slice(1), [])).toBe(false);
    expect(verifyConsistency(1, leaf.slice(1), 1, leaf.slice(1), [])).toBe(false);
    expect(() => nodeHash(leaf, short)).toThrow(RangeError);
    expect(() => nodeHash(Uint8Array.of(...leaf, 0), sibling)).toThrow(RangeError);
  });

  it('hashes entries of every length alike, whatever was hashed before', () => {
    for (const length of [0, 1, 1024, 65_534, 65_535, 65_536, 200_000, 3]) {
      const entry = new Uint8Array(length).fill(length % 251);
      const expected = createHash('sha256').update(Uint8Array.of(0)).update(entry).digest('hex');
      expect(Buffer.from(leafHash(entry)).toString('hex')).toBe(expected);
    }
  });

  it('accepts only an empty proof from the empty tree and between equal trees', () => {
    const root = rootOfHashes(LEAVES);
    expect(verifyConsistency(0, emptyRoot(), 8, root, [])).toBe(true);
    expect(verifyConsistency(0, root, 8, root, [])).toBe(false);
    expect(verifyConsistency(8, root, 8, root, [])).toBe(true);
    expect(verifyConsistency(8, root, 8, root, [root])).toBe(false);
    expect(verifyConsistency(8, root, 7, root, [])).toBe(false);
    expect(verifyConsistency(1.5, root, 8, root, [])).toBe(false);
  });

  it('holds for sizes that 32 bits cannot count', async () => {
    // A tree whose leaves are all alike has one hash for each level.
    const same: Uint8Array[] = [LEAVES[0] ?? emptyRoot()];
    for (let level = 1; level < 53; level += 1) {
      const below = same[level - 1] ?? emptyRoot();
      same.push(nodeHash(below, below));
    }
    const read: ReadHash = async (level) => same[level] ?? emptyRoot();
    const [from, to] = [2 ** 40 + 12_345, 2 ** 52 + 987_654_321];
    const root = rootOfEdge(await edgeOf(to, read));
    const index = 2 ** 51 + 77;
    const path = await inclusionProof(index, to, read);
    expect(verifyInclusion(same[0] ?? root, index, to, path, root)).toBe(true);
    const oldRoot = rootOfEdge(await edgeOf(from, read));
    expect(verifyConsistency(from, oldRoot, to, root, await consistencyProof(from, to, read))).toBe(true);
    expect(verifyConsistency(from + 1, oldRoot, to, root, await consistencyProof(from, to, read))).toBe(false);
  });
});
