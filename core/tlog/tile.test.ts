import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inclusionProof, leafHash, rootOfHashes, verifyInclusion } from './merkle.ts';
import {
  bundlePath,
  bundlesOf,
  decodeBundle,
  encodeBundle,
  encodeTile,
  parseLogPath,
  type Tile,
  tileHashReader,
  tilePath,
  tilesOf,
  tileWidth,
} from './tile.ts';

const bytes = (text: string) => new TextEncoder().encode(text);
const leaves = Array.from({ length: 70_000 }, (_, index) => leafHash(bytes(String(index))));

/** A tile made from all leaves, the slow way. */
function tileOf({ level, index, width }: Tile): Uint8Array {
  const span = 256 ** level;
  const start = index * 256;
  return encodeTile(
    Array.from({ length: width }, (_, at) => rootOfHashes(leaves.slice((start + at) * span, (start + at + 1) * span))),
  );
}

describe('tiles', () => {
  it.each([
    ['tile/0/000', 'b9704a8bfbee2c61185ceb38904a49f3f703c81e194b5b2ccdc254c2bdaaa62b'],
    ['tile/0/273.p/112', '4d21244557c976993a9a89bf928a46b5a876585228df279878239fd84489e5a5'],
    ['tile/1/000', 'ea7b038bc73489c89c31a27ac355aaca65a4ed73f0dd7484e68deb29d30f10a2'],
    ['tile/1/001.p/17', 'adfaca2731630fe7944a4b98a0f98ef3e98685eafda09e6f81070218fb759ce4'],
    ['tile/2/000.p/1', 'f0113c8bad855b49f9a5dd661d50012cd94f19aae87a45eb8334666835e3caea'],
  ])('of 70,000 decimal leaves have the known bytes at %s', (path, sha256) => {
    const tile = [...tilesOf(70_000)].find((candidate) => tilePath(candidate) === path);
    expect(tile && createHash('sha256').update(tileOf(tile)).digest('hex')).toBe(sha256);
  });

  it('of 70,000 leaves are 273 full ones, one full one above, and three partial ones', () => {
    const tiles = [...tilesOf(70_000)];
    expect(tiles.filter(({ width }) => width === 256).map(({ level }) => level)).toEqual([
      ...Array<number>(273).fill(0),
      1,
    ]);
    expect(tiles.filter(({ width }) => width < 256).map((tile) => tilePath(tile))).toEqual([
      'tile/0/273.p/112',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
    expect([...bundlesOf(70_000)].at(-1)).toEqual({ index: 273, width: 112 });
  });

  it('are never empty and none exist for an empty tree', () => {
    expect([...tilesOf(0)]).toEqual([]);
    expect([...tilesOf(256)]).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect(tileWidth(255, 1, 0)).toBe(0);
    expect(tileWidth(256, 0, 1)).toBe(0);
    expect(tileWidth(Number.MAX_SAFE_INTEGER, 6, 0)).toBe(31);
  });

  it('prove leaves by the hashes read from them', async () => {
    const read = tileHashReader(70_000, async (tile) => tileOf(tile));
    const root = rootOfHashes(leaves);
    for (const index of [0, 65_535, 69_999]) {
      const path = await inclusionProof(index, 70_000, read);
      expect(verifyInclusion(leaves[index] ?? root, index, 70_000, path, root)).toBe(true);
    }
  });

  it('of another length are named as malformed', async () => {
    const read = tileHashReader(300, async () => new Uint8Array(33));
    await expect(read(0, 299)).rejects.toThrow('tile/0/001.p/44 has another length');
  });
});

describe('paths of a log', () => {
  it('write the index in groups of three digits', () => {
    expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('tile/0/x001/x234/067');
    expect(tilePath({ level: 0, index: 5, width: 7 }, 'tile/8')).toBe('tile/8/0/005.p/7');
    expect(bundlePath(1_000, 256)).toBe('tile/entries/x001/000');
  });

  it('read back what they write', () => {
    fc.assert(
      fc.property(fc.nat(63), fc.maxSafeNat(), fc.integer({ min: 1, max: 256 }), (level, index, width) => {
        expect(parseLogPath(tilePath({ level, index, width }))).toEqual({ kind: 'tile', level, index, width });
        expect(parseLogPath(bundlePath(index, width))).toEqual({ kind: 'entries', index, width });
      }),
    );
  });

  it('have one spelling', () => {
    const others = [
      'tile/00/000',
      'tile/64/000',
      'tile/0/00',
      'tile/0/0000',
      'tile/0/x000/000',
      'tile/0/001/000',
      'tile/0/x001',
      'tile/0/000.p/0',
      'tile/0/000.p/256',
      'tile/0/000.p/01',
      'tile/0/000.p/',
      'tile/0/000/',
      'tile/0/x999/x999/x999/x999/x999/999',
      'tile/0/../checkpoint',
      '/checkpoint',
      'checkpoint/',
      'tile/data/000',
      '',
    ];
    expect(others.filter((path) => parseLogPath(path) !== undefined)).toEqual([]);
  });

  it('never throw and never read two spellings as one', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[tile/ nrs0-9x.p]{0,40}$/), (path) => {
        const resource = parseLogPath(path);
        if (resource?.kind === 'tile') expect(tilePath(resource)).toBe(path);
        if (resource?.kind === 'entries') expect(bundlePath(resource.index, resource.width)).toBe(path);
      }),
    );
  });
});

describe('an entry bundle', () => {
  it('has the known bytes', () => {
    expect(Buffer.from(encodeBundle(['one', 'two', 'three'].map(bytes))).toString('hex')).toBe(
      '00036f6e65000374776f00057468726565',
    );
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 600 }), { minLength: 1, maxLength: 20 }), (entries) => {
        expect(decodeBundle(encodeBundle(entries), entries.length)).toEqual(entries);
      }),
    );
  });

  it('never makes the reader throw, and is read from no other bytes than those it was written as', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(6), (some, width) => {
        const entries = decodeBundle(some, width);
        if (entries) expect(encodeBundle(entries)).toEqual(some);
      }),
    );
  });

  it('is none when short, long, or of another count', () => {
    const bundle = encodeBundle(['one', 'two'].map(bytes));
    expect(decodeBundle(bundle, 1)).toBeUndefined();
    expect(decodeBundle(bundle, 3)).toBeUndefined();
    expect(decodeBundle(bundle.slice(0, -1), 2)).toBeUndefined();
    expect(decodeBundle(bundle.slice(0, 6), 2)).toBeUndefined();
    expect(decodeBundle(Uint8Array.of(...bundle, 0), 2)).toBeUndefined();
    expect(() => encodeBundle([new Uint8Array(65_536)])).toThrow(RangeError);
  });
});
