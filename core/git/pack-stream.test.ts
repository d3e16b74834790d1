import { deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  deltaOf,
  entryHead,
  objectMaker,
  type PackPart,
  packHeader,
  packOf,
  withChecksum,
} from '../../test/fakes/git-packs.ts';
import { type GitObject, gitObjectId } from './object.ts';
import { readPack } from './pack-stream.ts';

const LIMITS = { objects: 100, bytes: 100_000 };
const utf8 = (text: string) => Buffer.from(text);
const blob = (text: string): GitObject => ({ type: 'blob', body: utf8(text) });

async function* inPieces(bytes: Uint8Array, size = 7) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const read = (bytes: Uint8Array, limits = LIMITS) => readPack(inPieces(bytes), limits);
const textsOf = async (parts: readonly PackPart[]) =>
  [...(await read(packOf(parts))).values()].map(({ type, body }) => `${type} ${Buffer.from(body)}`).sort();

describe('a pack as it arrives', () => {
  it('gives its objects by their computed ids, whatever the pieces it comes in', async () => {
    const { objects, add, tree, commit, tag } = objectMaker();
    tag(commit(tree(['100644', 'a', add('blob', 'hello'.repeat(500))])), 'commit');
    add('blob', '');
    const bytes = packOf([...objects.values()]);
    for (const size of [1, 13, 20_000]) {
      const found = await readPack(inPieces(bytes, size), LIMITS);
      expect([...found.keys()].sort()).toEqual([...objects.keys()].sort());
      for (const [id, { body }] of objects) expect(Buffer.from(found.get(id)?.body ?? [])).toEqual(Buffer.from(body));
    }
  });

  it('resolves deltas by offset and by name, in any order and upon one another', async () => {
    const base = blob('the base of them all');
    const named = { base: gitObjectId(base), delta: deltaOf(base.body.length, 8, ' one') };
    const upon = { base: gitObjectId(blob('the base one')), delta: deltaOf(12, 12, ' two') };
    expect(await textsOf([upon, named, base, { back: 1, delta: deltaOf(20, 4, 'cat') }])).toEqual([
      'blob the base of them all',
      'blob the base one',
      'blob the base one two',
      'blob the cat',
    ]);
  });

  it('may hold no object, and one object twice', async () => {
    expect(await textsOf([])).toEqual([]);
    expect(await textsOf([blob('a'), blob('a')])).toEqual(['blob a']);
  });

  const entry = (code: number, size: number, content: Uint8Array) => Buffer.concat([entryHead(code, size), content]);
  const good = packOf([blob('hello')]);
  const unknown = gitObjectId(blob('nowhere'));
  const first = deltaOf(5, 5, '!');
  it.each<[string, Uint8Array]>([
    ['is empty', Buffer.alloc(0)],
    ['ends in its header', good.subarray(0, 9)],
    ['is of another version', withChecksum(packHeader(0, 3))],
    ['ends inside an object', good.subarray(0, 15)],
    ['ends before its checksum', good.subarray(0, -3)],
    ['fails its checksum', Buffer.concat([good.subarray(0, -1), Buffer.of((good.at(-1) ?? 0) ^ 1)])],
    ['goes on after its checksum', Buffer.concat([good, Buffer.of(0)])],
    ['holds fewer objects than it says', withChecksum(Buffer.concat([packHeader(2), good.subarray(12, -20)]))],
    ['holds more objects than it says', withChecksum(Buffer.concat([packHeader(0), good.subarray(12, -20)]))],
    [
      'has an object longer than it says',
      withChecksum(Buffer.concat([packHeader(1), entry(3, 4, deflateSync(utf8('hello')))])),
    ],
    [
      'has an object shorter than it says',
      withChecksum(Buffer.concat([packHeader(1), entry(3, 9, deflateSync(utf8('hello')))])),
    ],
    [
      'has an object of an unknown type',
      withChecksum(Buffer.concat([packHeader(1), entry(5, 0, deflateSync(utf8('')))])),
    ],
    ['has what is not deflated', withChecksum(Buffer.concat([packHeader(1), entry(3, 5, utf8('hello world'))]))],
    ['has a delta upon an object outside', packOf([{ base: unknown, delta: first }])],
    [
      'has a delta upon another entry than one',
      withChecksum(Buffer.concat([packHeader(1), entry(6, 1, Buffer.of(2))])),
    ],
    [
      'has a delta upon itself',
      withChecksum(
        Buffer.concat([packHeader(1), entry(6, first.length, Buffer.concat([Buffer.of(0), deflateSync(first)]))]),
      ),
    ],
    [
      'has deltas upon one another',
      packOf([
        { base: gitObjectId(blob('b!')), delta: deltaOf(2, 1, '?') },
        { base: gitObjectId(blob('b?')), delta: deltaOf(2, 1, '!') },
      ]),
    ],
  ])('that %s is no pack', async (_, bytes) => {
    await expect(read(bytes)).rejects.toMatchObject({ name: 'SourceUnreachable' });
  });

  it('is bounded in objects, in what it inflates to and in what deltas make of it', async () => {
    const limited = expect.objectContaining({ name: 'LimitExceeded' });
    await expect(read(packOf([blob('a'), blob('b')]), { objects: 1, bytes: 100 })).rejects.toEqual(limited);
    // A bomb that does not say how long it is fails as damaged: nothing beyond its stated size is inflated.
    const bomb = deflateSync(Buffer.alloc(10_000_000));
    await expect(read(packOf([{ type: 'blob', body: Buffer.alloc(100_001) }]))).rejects.toEqual(limited);
    const lying = withChecksum(Buffer.concat([packHeader(1), entry(3, 10, bomb)]));
    await expect(read(lying)).rejects.toMatchObject({ name: 'SourceUnreachable' });
    const base = { type: 'blob', body: Buffer.alloc(60_000, 'x') } as const;
    // Copies of 65,280 bytes, one byte of delta each.
    const wide = Buffer.from([0xe0, 0xd4, 0x03, 0xc0, 0xa9, 0x07, 0xb0, 0x60, 0xea, 0xb0, 0x60, 0xea]);
    await expect(read(packOf([base, { back: 1, delta: wide }]))).rejects.toEqual(limited);
  });

  it('is a fault with a chain of deltas longer than git makes', async () => {
    const parts: PackPart[] = [blob('x')];
    for (let at = 0; at < 4098; at++) parts.push({ back: 1, delta: deltaOf(1, 0, 'y') });
    await expect(read(packOf(parts), { objects: 10_000, bytes: 1_000_000 })).rejects.toMatchObject({
      message: expect.stringContaining('chain of deltas'),
    });
  });
});
