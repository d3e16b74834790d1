import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { crc32, deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { RandomAccess } from '../ports/module-source.ts';
import { h1OfFiles } from './dirhash.ts';
import { hashModuleZip, openModuleZip } from './module-zip.ts';
import { ZipInvalid } from './zip-directory.ts';

const PROXY = fileURLToPath(new URL('../../demo/fixtures/proxy/git.example.com/acme/', import.meta.url));
const MODULE = ModulePath.parse('example.com/m');
const VERSION = ModuleVersion.parse('v1.0.0');
const PREFIX = 'example.com/m@v1.0.0/';

const accessOf = (bytes: Uint8Array): RandomAccess => ({
  size: bytes.length,
  read: async (offset, length) => {
    if (offset < 0 || offset + length > bytes.length) throw new RangeError('read outside the file');
    return bytes.subarray(offset, offset + length);
  },
});
const hash = (bytes: Uint8Array) => hashModuleZip(accessOf(bytes), MODULE, VERSION);

/** One entry; everything that a hostile writer may say differently from what is there. */
interface Entry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  readonly stored?: boolean;
  readonly method?: number;
  readonly flags?: number;
  readonly size?: number;
  readonly crc?: number;
  readonly compressed?: Uint8Array;
  readonly madeBy?: number;
  readonly mode?: number;
  readonly descriptor?: 'none' | 'plain' | 'signed' | 'wrong';
  readonly localName?: string;
  readonly localCrc?: number;
  readonly localSize?: number;
  readonly localMethod?: number;
  readonly gap?: Uint8Array;
  readonly zip64?: boolean | 'short' | 'huge';
  readonly rawName?: Uint8Array;
  /** Of its local header, as the central directory says. */
  readonly offset?: number;
}
interface Archive {
  readonly before?: Uint8Array;
  readonly behind?: Uint8Array;
  readonly comment?: Uint8Array;
  readonly count?: number;
  readonly zip64?: boolean;
  /** How far its zip64 end record is from where it is said to be. */
  readonly shift64?: number;
}

function fieldsOf(...fields: readonly (readonly [2 | 4 | 8, number])[]): Buffer {
  return Buffer.concat(
    fields.map(([width, value]) => {
      const field = Buffer.alloc(width);
      if (width === 8) field.writeBigUInt64LE(BigInt(value));
      else field.writeUIntLE(value, 0, width);
      return field;
    }),
  );
}

function descriptorOf({ descriptor }: Entry, crc: number, compressedSize: number, size: number): Buffer {
  const plain = fieldsOf([4, descriptor === 'wrong' ? (crc ^ 1) >>> 0 : crc], [4, compressedSize], [4, size]);
  if (descriptor === 'plain') return plain;
  return descriptor === 'signed' || descriptor === 'wrong'
    ? Buffer.concat([fieldsOf([4, 0x08074b50]), plain])
    : Buffer.alloc(0);
}

function wideOf({ zip64 }: Entry, size: number, compressedSize: number, offset: number): Buffer {
  if (!zip64) return Buffer.alloc(0);
  if (zip64 === 'short') return fieldsOf([2, 1], [2, 16], [8, size], [8, compressedSize]);
  return fieldsOf([2, 1], [2, 24], [8, size], [8, compressedSize], [8, zip64 === 'huge' ? 2 ** 53 : offset]);
}

function writeEntry(entry: Entry, offset: number): { local: Buffer; central: Buffer } {
  const content = Buffer.from(entry.content ?? '');
  const method = entry.method ?? (entry.stored ? 0 : 8);
  const compressed = Buffer.from(entry.compressed ?? (method === 8 ? deflateRawSync(content) : content));
  const described = entry.descriptor !== undefined && entry.descriptor !== 'none';
  const flags = (entry.flags ?? 0x800) | (described ? 8 : 0);
  const size = entry.size ?? content.length;
  const crc = entry.crc ?? crc32(content);
  const name = Buffer.from(entry.rawName ?? entry.name);
  const localName = Buffer.from(entry.localName ?? name);
  const said = entry.offset ?? offset;
  const local = Buffer.concat([
    fieldsOf([4, 0x04034b50], [2, 20], [2, flags], [2, entry.localMethod ?? method], [2, 0], [2, 33]),
    described
      ? Buffer.alloc(12)
      : fieldsOf([4, entry.localCrc ?? crc], [4, compressed.length], [4, entry.localSize ?? size]),
    fieldsOf([2, localName.length], [2, 0]),
    localName,
    compressed,
    described ? descriptorOf(entry, crc, compressed.length, size) : Buffer.alloc(0),
    entry.gap ?? Buffer.alloc(0),
  ]);
  const wide = wideOf(entry, size, compressed.length, said);
  const narrow = (value: number) => (entry.zip64 ? 0xffffffff : value);
  const central = Buffer.concat([
    fieldsOf([4, 0x02014b50], [2, (entry.madeBy ?? 0) * 256 + 20], [2, 20], [2, flags], [2, method], [2, 0], [2, 33]),
    fieldsOf([4, crc], [4, narrow(compressed.length)], [4, narrow(size)], [2, name.length], [2, wide.length], [2, 0]),
    fieldsOf([2, 0], [2, 0], [4, (entry.mode ?? 0) * 65_536], [4, narrow(said)]),
    name,
    wide,
  ]);
  return { local, central };
}

function zipOf(entries: readonly Entry[], archive: Archive = {}): Buffer {
  const locals: Buffer[] = [Buffer.from(archive.before ?? [])];
  const centrals: Buffer[] = [];
  let offset = archive.before?.length ?? 0;
  for (const entry of entries) {
    const { local, central } = writeEntry(entry, offset);
    locals.push(local);
    centrals.push(central);
    offset += local.length;
  }
  const directory = Buffer.concat(centrals);
  const behind = Buffer.from(archive.behind ?? []);
  const count = archive.count ?? entries.length;
  const end64 = archive.zip64
    ? Buffer.concat([
        fieldsOf([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count]),
        fieldsOf([8, directory.length], [8, offset]),
        fieldsOf(
          [4, 0x07064b50],
          [4, 0],
          [8, offset + directory.length + behind.length + (archive.shift64 ?? 0)],
          [4, 1],
        ),
      ])
    : Buffer.alloc(0);
  const comment = Buffer.from(archive.comment ?? []);
  const end = archive.zip64
    ? fieldsOf([4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, 0xffffffff], [4, 0xffffffff])
    : fieldsOf([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, directory.length], [4, offset]);
  return Buffer.concat([...locals, directory, behind, end64, end, fieldsOf([2, comment.length]), comment]);
}

const GO_MOD: Entry = { name: `${PREFIX}go.mod`, content: 'module example.com/m\n' };
const MAIN: Entry = { name: `${PREFIX}a/main.go`, content: 'package main\n'.repeat(100) };
const expected = h1OfFiles(
  [GO_MOD, MAIN].map(({ name, content = '' }) => ({
    name,
    sha256: h1Sha256(Buffer.from(content)),
  })),
);
function h1Sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describe('the zip of a module', () => {
  /** As `go mod download -json` of go1.26.8 answers. */
  it.each([
    ['command', 'v1.0.0', 'h1:zI6zgjxV+Zg6Ndven8cnUBDtaospgyU16srOzDW0dZY='],
    ['flagset', 'v1.0.4', 'h1:HcVP08UtSNFNzEZ1402mcl6CUic3gb7JeKZykrXkA/g='],
    ['flagset', 'v1.0.5', 'h1:dvVMOPKwvOIyb4kqG2d9bVMSCLtQ5D/GMElc9ilkOzE='],
    ['greeting', 'v0.2.0', 'h1:JNJBhyzoUsYRDeuYtJVN5wecuCcbRHKlbzH91LfzNgU='],
  ])('of %s %s has the h1 that the go command gives it', async (name, version, h1) => {
    const bytes = readFileSync(`${PROXY}${name}/@v/${version}.zip`);
    const module = ModulePath.parse(`git.example.com/acme/${name}`);
    expect(await hashModuleZip(accessOf(bytes), module, ModuleVersion.parse(version))).toEqual({ kind: 'hashed', h1 });
  });

  it.each<[string, Entry[], Archive]>([
    ['deflated', [GO_MOD, MAIN], {}],
    ['stored', [GO_MOD, MAIN].map((entry) => ({ ...entry, stored: true })), {}],
    ['in another order', [MAIN, GO_MOD], {}],
    [
      'with descriptors',
      [
        { ...GO_MOD, descriptor: 'signed' },
        { ...MAIN, descriptor: 'plain' },
      ],
      {},
    ],
    [
      'with zip64 fields',
      [
        { ...GO_MOD, zip64: true },
        { ...MAIN, zip64: true },
      ],
      { zip64: true },
    ],
    ['with a comment', [GO_MOD, MAIN], { comment: Buffer.from('made by hand') }],
    [
      'with Unix modes',
      [
        { ...GO_MOD, madeBy: 3, mode: 0o100644 },
        { ...MAIN, madeBy: 3, mode: 0o100755 },
      ],
      {},
    ],
  ])('has one h1 however it is written: %s', async (_, entries, archive) => {
    expect(await hash(zipOf(entries, archive))).toEqual({ kind: 'hashed', h1: expected });
  });

  it.each(['ä/ö.go', 'with space.txt', 'a@b', '[x].go', 'café/naïve_test.go', '.hidden', 'a~1', 'testdata/{}.golden'])(
    'may hold a file of the name %j',
    async (name) => {
      expect(await hash(zipOf([{ name: PREFIX + name }]))).toMatchObject({ kind: 'hashed' });
    },
  );

  it('gives the content of its files, without folders', async () => {
    const zip = await openModuleZip(
      accessOf(zipOf([GO_MOD, { name: `${PREFIX}a/`, stored: true }, MAIN])),
      MODULE,
      VERSION,
    );
    expect(zip.files.map(({ path }) => path)).toEqual(['go.mod', 'a/main.go']);
    const pieces: Uint8Array[] = [];
    for (const file of zip.files) for await (const piece of zip.content(file)) pieces.push(Uint8Array.from(piece));
    expect(Buffer.concat(pieces).toString()).toBe(`${GO_MOD.content}${MAIN.content}`);
  });

  it('is read through the stream as well where an entry is large', async () => {
    const content = Buffer.alloc(9 * 1024 * 1024, 'large ');
    const sha256 = h1Sha256(content);
    const h1 = h1OfFiles([{ name: `${PREFIX}large.txt`, sha256 }]);
    for (const stored of [true, false])
      expect(await hash(zipOf([{ name: `${PREFIX}large.txt`, content, stored }]))).toEqual({ kind: 'hashed', h1 });
  });

  it('throws what reading throws: an unreadable file is not an invalid one', async () => {
    const bytes = zipOf([GO_MOD, MAIN]);
    const failingAt = (at: number): RandomAccess => {
      let reads = 0;
      return {
        size: bytes.length,
        read: async (offset, length) => {
          if (reads++ === at) throw new Error('the disk is gone');
          return bytes.subarray(offset, offset + length);
        },
      };
    };
    let at = 0;
    for (; at < 100; at += 1) {
      const outcome = await hashModuleZip(failingAt(at), MODULE, VERSION).catch((error: unknown) => String(error));
      if (outcome !== 'Error: the disk is gone') {
        expect(outcome).toEqual({ kind: 'hashed', h1: expected });
        break;
      }
    }
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(100);
  });
});

const MIB = 1024 * 1024;
const LARGE = 5 * MIB;
const bomb = deflateRawSync(Buffer.alloc(LARGE * 4));

describe('a zip that is no module’s', () => {
  it.each<[string, string, Entry[], Archive?]>([
    ['a name outside the prefix', 'does not begin with', [GO_MOD, { name: 'example.com/m@v1.0.1/x.go' }]],
    ['the prefix in another case', 'does not begin with', [{ ...GO_MOD, name: 'Example.com/m@v1.0.0/go.mod' }]],
    ['a path escape', 'the element ".."', [GO_MOD, { name: `${PREFIX}../x.go` }]],
    ['a path escape below', 'the element ".."', [GO_MOD, { name: `${PREFIX}a/../../x.go` }]],
    ['an absolute path', 'does not begin with', [GO_MOD, { name: '/etc/passwd' }]],
    ['a backslash', 'a character that is not allowed', [GO_MOD, { name: `${PREFIX}a\\b.go` }]],
    ['an empty element', 'an empty path element', [GO_MOD, { name: `${PREFIX}a//b.go` }]],
    ['a newline', 'a character that is not allowed', [GO_MOD, { name: `${PREFIX}a\nb.go` }]],
    ['a name reserved on Windows', 'reserved on Windows', [GO_MOD, { name: `${PREFIX}aux.go` }]],
    ['a name of 60,000 bytes', 'a name of more than', [{ name: PREFIX + 'a'.repeat(60_000) }]],
    ['a name of 30,000 folders', 'a name of more than', [{ name: PREFIX + 'a/'.repeat(30_000) }]],
    ['one name twice', 'two entries of one name', [GO_MOD, MAIN, MAIN]],
    ['two names that differ in case', 'differ in case only', [MAIN, { ...MAIN, name: `${PREFIX}A/main.go` }]],
    [
      'two folders that differ in case',
      'differ in case only',
      [{ name: `${PREFIX}dir/a.go` }, { name: `${PREFIX}DIR/b.go` }],
    ],
    [
      'names equal by a Kelvin sign',
      'differ in case only',
      [{ name: `${PREFIX}k.go` }, { name: `${PREFIX}\u212a.go` }],
    ],
    ['names equal by a long s', 'differ in case only', [{ name: `${PREFIX}s.go` }, { name: `${PREFIX}\u017f.go` }]],
    ['a file that is a folder too', 'both a file and a folder', [{ name: `${PREFIX}a` }, { name: `${PREFIX}a/b.go` }]],
    [
      'a folder with content',
      'a folder with content',
      [GO_MOD, { name: `${PREFIX}a/`, content: 'hidden', stored: true }],
    ],
    ['a go.mod below the root', 'go.mod outside the root', [GO_MOD, { name: `${PREFIX}a/go.mod` }]],
    ['a go.mod in another case', 'in another case', [{ name: `${PREFIX}GO.MOD` }]],
    ['a go.mod above 16 MiB', 'go.mod is larger', [{ name: `${PREFIX}go.mod`, size: 16 * MIB + 1, compressed: bomb }]],
    [
      'more than 500 MiB announced',
      'bytes of content',
      ['a', 'b'].map((name) => ({ name: PREFIX + name, size: 251 * MIB, compressed: Buffer.alloc(MIB) })),
    ],
    [
      'a LICENSE above 16 MiB',
      'LICENSE is larger',
      [{ name: `${PREFIX}LICENSE`, size: 16 * MIB + 1, compressed: bomb }],
    ],
    [
      'a size that no compression reaches',
      'cannot reach',
      [{ name: `${PREFIX}a`, size: 5 * MIB, compressed: Buffer.alloc(99) }],
    ],
    ['a name that is not UTF-8', 'not UTF-8', [{ name: PREFIX, rawName: Buffer.from(`${PREFIX}\xff`, 'latin1') }]],
    ['two names for one content', 'overlap', [GO_MOD, { ...MAIN, offset: 0, localName: MAIN.name }]],
    ['an offset that nothing widens', 'bytes before the first entry', [{ ...GO_MOD, offset: 0xffffffff }]],
    ['a zip64 field that is too short', 'too short', [{ ...GO_MOD, zip64: 'short' }], { zip64: true }],
    ['an offset beyond 2^53', 'beyond 2^53', [{ ...GO_MOD, zip64: 'huge' }], { zip64: true }],
    ['a zip64 end record elsewhere', 'a misplaced zip64 end record', [GO_MOD], { zip64: true, shift64: 1 }],
    ['a zip64 count that is too high', 'fewer entries', [GO_MOD], { zip64: true, count: 2 }],
    ['a zip64 count beyond all bounds', 'too large', [GO_MOD], { zip64: true, count: 200_001 }],
    [
      'a symbolic link',
      'a symbolic link',
      [GO_MOD, { name: `${PREFIX}link`, content: '/etc/passwd', madeBy: 3, mode: 0o120777 }],
    ],
    [
      'a symbolic link made on macOS',
      'a symbolic link',
      [GO_MOD, { name: `${PREFIX}link`, content: 'x', madeBy: 19, mode: 0o120777 }],
    ],
    ['a device', 'no regular file', [GO_MOD, { name: `${PREFIX}null`, madeBy: 3, mode: 0o020666 }]],
    ['an encrypted entry', 'an encrypted entry', [{ ...GO_MOD, flags: 1 }]],
    ['masked headers', 'an encrypted entry', [{ ...GO_MOD, flags: 0x2000 }]],
    ['an unknown compression', 'compression method 12', [{ ...GO_MOD, method: 12 }]],
    ['broken compression', 'broken compression', [{ ...GO_MOD, compressed: Buffer.from('not deflated') }]],
    [
      'compression that is cut',
      'broken compression',
      [{ ...MAIN, compressed: deflateRawSync(Buffer.from('x'.repeat(999))).subarray(0, -3) }],
    ],
    ['more content than announced', 'more content than announced', [{ ...MAIN, size: 10 }]],
    ['less content than announced', 'another size or CRC', [{ ...MAIN, size: 10_000 }]],
    ['a bomb in a small entry', 'more content than announced', [{ name: `${PREFIX}a`, size: 10, compressed: bomb }]],
    [
      'a bomb in a large entry',
      'more content than announced',
      [{ name: `${PREFIX}a`, size: LARGE, crc: 0, compressed: bomb }],
    ],
    ['another CRC', 'another size or CRC', [{ ...MAIN, crc: 1 }]],
    [
      'bytes behind the compressed content',
      'bytes behind the content',
      [{ ...MAIN, compressed: Buffer.concat([deflateRawSync(Buffer.from(String(MAIN.content))), Buffer.from('x')]) }],
    ],
    ['another size of a stored entry', 'two sizes of a stored entry', [{ ...MAIN, stored: true, size: 10 }]],
    [
      'another name in the local header',
      'a local header that differs',
      [GO_MOD, { ...MAIN, localName: `${PREFIX}a/evil.go` }],
    ],
    ['another CRC in the local header', 'a local header that differs', [{ ...MAIN, localCrc: 1 }]],
    ['another size in the local header', 'a local header that differs', [{ ...MAIN, localSize: 1 }]],
    ['another method in the local header', 'a local header that differs', [{ ...MAIN, localMethod: 0 }]],
    ['a wrong data descriptor', 'a data descriptor that differs', [{ ...MAIN, descriptor: 'wrong' }]],
    ['a gap between entries', 'or entries that overlap', [{ ...GO_MOD, gap: Buffer.from('hidden') }, MAIN]],
    ['a gap the size of a descriptor', 'or entries that overlap', [{ ...GO_MOD, gap: Buffer.alloc(16) }, MAIN]],
    ['bytes before the first entry', 'bytes before the first entry', [GO_MOD], { before: Buffer.from('#!/bin/sh\n') }],
    ['bytes behind the directory', 'bytes between the central directory', [GO_MOD], { behind: Buffer.from('hidden') }],
    ['too high a count', 'fewer entries', [GO_MOD, MAIN], { count: 3 }],
    ['too low a count', 'more entries', [GO_MOD, MAIN], { count: 1 }],
    ['a second end record in the comment', 'bytes between the central directory', [GO_MOD], { comment: zipOf([MAIN]) }],
  ])('is refused for %s', async (_, why, entries, archive) => {
    expect(await hash(zipOf(entries, archive))).toEqual({ kind: 'invalid', why: expect.stringContaining(why) });
  });

  it('is refused above 500 MiB before it is read', async () => {
    const unread: RandomAccess = { size: 500 * MIB + 1, read: () => Promise.reject(new Error('it was read')) };
    expect(await hashModuleZip(unread, MODULE, VERSION)).toMatchObject({
      why: expect.stringContaining('a zip of more'),
    });
  });

  it.each([
    ['example.com/m', 'v2.0.0'],
    ['example.com/m/v2', 'v1.0.0'],
    ['example.com/m', 'v1.0'],
    ['example.com/m', 'v1.0.0+meta'],
    ['Example.com/m', 'v1.0.0'],
    ['m', 'v1.0.0'],
    ['example.com/../m', 'v1.0.0'],
  ])('is refused whatever it holds for %s %s, which is no module version', async (path, version) => {
    const bytes = zipOf([{ name: `${path}@${version}/go.mod` }]);
    const outcome = await hashModuleZip(accessOf(bytes), ModulePath.parse(path), ModuleVersion.parse(version));
    expect(outcome).toMatchObject({ kind: 'invalid' });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['no zip', Buffer.from('<html>404 page not found, sorry</html>')],
    ['a zip that is cut', zipOf([GO_MOD, MAIN]).subarray(0, -1)],
    ['a zip with its beginning cut off', zipOf([GO_MOD, MAIN]).subarray(1)],
    ['a zip with bytes behind it', Buffer.concat([zipOf([GO_MOD]), Buffer.from('x')])],
  ])('is refused when it is %s', async (_, bytes) => {
    expect(await hash(bytes)).toMatchObject({ kind: 'invalid' });
  });

  it('is refused or has another h1 after any change of a byte, save in unread fields', async () => {
    const zip = zipOf([GO_MOD, MAIN]);
    // Versions, times and attributes are read by nobody and hashed by nobody.
    const ignored = new Set<number>();
    const { local } = writeEntry(GO_MOD, 0);
    const { local: second } = writeEntry(MAIN, local.length);
    for (const start of [0, local.length]) for (const at of [4, 5, 6, 7, 10, 11, 12, 13]) ignored.add(start + at);
    const directory = local.length + second.length;
    const { central } = writeEntry(GO_MOD, 0);
    for (const start of [directory, directory + central.length])
      for (const at of [4, 5, 6, 7, 8, 9, 12, 13, 14, 15, 36, 37, 38, 39, 40, 41]) ignored.add(start + at);
    for (let at = 0; at < zip.length; at += 1) {
      if (ignored.has(at)) continue;
      const changed = Buffer.from(zip);
      changed[at] = (changed[at] ?? 0) ^ 0x11;
      const outcome = await hash(changed);
      expect([at, outcome.kind === 'hashed' && outcome.h1 === expected]).toEqual([at, false]);
    }
  });

  it('does not give content that was not checked to its end', async () => {
    const zip = await openModuleZip(accessOf(zipOf([{ ...MAIN, crc: 1 }])), MODULE, VERSION);
    const [file] = zip.files;
    const readAll = async () => {
      for await (const piece of zip.content(file ?? never())) expect(piece.length).toBeGreaterThan(0);
    };
    await expect(readAll()).rejects.toThrow(ZipInvalid);
  });
});

function never(): never {
  throw new Error('no file');
}
