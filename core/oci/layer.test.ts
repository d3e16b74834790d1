import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { OciDigest } from '../../events/fields.ts';
import { MemoryRegistry } from '../../test/fakes/memory-registry.ts';
import { Fault } from '../faults.ts';
import { FileTree } from './file-tree.ts';
import { readLayer } from './layer.ts';
import { valueOrRefusal } from './refused.ts';
import type { TarEntry } from './tar.ts';

const GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip';
const PLAIN = 'application/vnd.oci.image.layer.v1.tar';
const digestOf = (bytes: Uint8Array) => OciDigest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

interface Member {
  readonly name: string;
  readonly content?: string;
  readonly flag?: string;
  readonly link?: string;
  readonly size?: number;
  readonly magic?: string;
  readonly checksum?: number;
}

function memberOf({
  name,
  content = '',
  flag = '0',
  link = '',
  size,
  magic = 'ustar\x0000',
  checksum,
}: Member): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0, 100);
  header.write('0000644\0', 100);
  header.write(`${(size ?? Buffer.byteLength(content)).toString(8).padStart(11, '0')}\0`, 124);
  header.write('        ', 148);
  header.write(flag, 156, 'latin1');
  header.write(link, 157, 100);
  header.write(magic, 257, 'latin1');
  const sum = checksum ?? header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const body = Buffer.from(content);
  return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
const END = Buffer.alloc(1024);
const tarOf = (...members: readonly Member[]): Buffer => Buffer.concat([...members.map(memberOf), END]);
/** One PAX record; its length counts itself. */
function pax(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const guess = Buffer.byteLength(rest) + 1;
  const length = String(guess).length === 1 ? guess : Buffer.byteLength(rest) + String(guess + 1).length;
  return `${length}${rest}`;
}

interface Packed {
  readonly mediaType?: string;
  readonly size?: number;
  readonly diffId?: OciDigest;
  readonly digest?: OciDigest;
  readonly urls?: string[];
}

/** Reads a layer that is stored as `blob`; answers its entries, or the code of its refusal. */
async function readBlob(blob: Uint8Array, tar: Uint8Array, more: Packed = {}) {
  const registry = new MemoryRegistry();
  const digest = more.digest ?? digestOf(blob);
  registry.blobs.set(digest, blob);
  const entries: (TarEntry & { content: string })[] = [];
  const layer = { mediaType: GZIP, size: blob.length, ...more, digest };
  const read = await valueOrRefusal(() =>
    readLayer(registry, layer, more.diffId ?? digestOf(tar), async (entry, body) => {
      const parts: Uint8Array[] = [];
      for await (const part of body) parts.push(part);
      entries.push({ ...entry, content: Buffer.concat(parts).toString() });
    }),
  );
  return read.kind === 'refused' ? read.refusal.code : entries;
}
const readTarBytes = (tar: Uint8Array) => readBlob(gzipSync(tar), tar);
const FILE: Member = { name: 'app/tool', content: 'x'.repeat(700) };

describe('a layer', () => {
  it('gives its entries in order, packed or not, in one gzip member or several', async () => {
    const tar = tarOf(
      { name: './app/', flag: '5' },
      FILE,
      { name: 'app/link', flag: '2', link: '/bin/sh' },
      { name: 'app/hard', flag: '1', link: './app/tool' },
    );
    const expected = [
      { path: 'app', kind: 'directory', size: 0, target: '', content: '' },
      { path: 'app/tool', kind: 'file', size: 700, target: '', content: FILE.content },
      { path: 'app/link', kind: 'symlink', size: 0, target: '/bin/sh', content: '' },
      { path: 'app/hard', kind: 'hardlink', size: 0, target: 'app/tool', content: '' },
    ];
    expect(await readTarBytes(tar)).toEqual(expected);
    expect(await readBlob(tar, tar, { mediaType: PLAIN })).toEqual(expected);
    expect(await readBlob(Buffer.concat([gzipSync(tar.subarray(0, 700)), gzipSync(tar.subarray(700))]), tar)).toEqual(
      expected,
    );
  });

  it('reads long names by PAX and by GNU', async () => {
    const long = `${'folder/'.repeat(30)}file`;
    const byPax = tarOf(
      { name: 'pax', flag: 'x', content: pax('path', long) + pax('mtime', '1.5') },
      { ...FILE, name: 'short' },
    );
    const byGnu = tarOf(
      { name: '././@LongLink', flag: 'L', content: `${long}\0`, magic: 'ustar  \0' },
      { ...FILE, name: 'short', magic: 'ustar  \0' },
    );
    for (const tar of [byPax, byGnu])
      expect(await readTarBytes(tar)).toMatchObject([{ path: long, content: FILE.content }]);
  });

  it.each<[string, Buffer]>([
    ['a path that leaves the root', tarOf({ ...FILE, name: '../etc/passwd' })],
    ['a path that leaves the root below', tarOf({ ...FILE, name: 'a/../../etc/passwd' })],
    ['a PAX path that leaves the root', tarOf({ name: 'pax', flag: 'x', content: pax('path', '../evil') }, FILE)],
    ['a hard link that leaves the root', tarOf({ name: 'a', flag: '1', link: '../../etc/shadow' })],
    ['a PAX size that differs from the header', tarOf({ name: 'pax', flag: 'x', content: pax('size', '5') }, FILE)],
    ['a PAX size twice', tarOf({ name: 'pax', flag: 'x', content: pax('size', '700') + pax('size', '700') }, FILE)],
    ['a PAX path twice', tarOf({ name: 'pax', flag: 'x', content: pax('path', 'a') + pax('path', 'b') }, FILE)],
    ['a PAX record of a wrong length', tarOf({ name: 'pax', flag: 'x', content: '99 path=a\n' }, FILE)],
    ['a PAX record with a NUL', tarOf({ name: 'pax', flag: 'x', content: pax('path', 'a\0b') }, FILE)],
    ['a global PAX path', tarOf({ name: 'pax', flag: 'g', content: pax('path', 'evil') }, FILE)],
    ['a sparse file', tarOf({ name: 'pax', flag: 'x', content: pax('GNU.sparse.major', '1') }, FILE)],
    ['a PAX header without an entry', tarOf({ name: 'pax', flag: 'x', content: pax('path', 'a') })],
    ['an unknown type flag', tarOf({ ...FILE, flag: 'S' })],
    ['content in a link', tarOf({ ...FILE, flag: '2', link: 'x' })],
    ['content in a folder', tarOf({ ...FILE, flag: '5' })],
    ['a file name with a final slash', tarOf({ ...FILE, name: 'a/' })],
    ['a wrong checksum', tarOf({ ...FILE, checksum: 1 })],
    ['a header of another format', tarOf({ ...FILE, magic: '\0\0\0\0\0\0\0\0' })],
    ['a size that is not octal', Buffer.concat([withSize('99999999999'), END])],
    ['a size in base 256', Buffer.concat([withSize('\x80\0\0\0\0\0\0\0\0\0\x10'), END])],
    ['more content announced than there is', Buffer.concat([memberOf({ ...FILE, size: 100_000 }), END])],
    ['entries behind the end blocks', Buffer.concat([tarOf(FILE), tarOf({ ...FILE, name: 'hidden' })])],
    ['one end block only', Buffer.concat([memberOf(FILE), Buffer.alloc(512), memberOf(FILE), END])],
    ['no end blocks', memberOf(FILE)],
    ['a cut in a header', tarOf(FILE).subarray(0, 300)],
    ['a name that is no UTF-8', nameBytes(Buffer.of(0x61, 0xff, 0x62))],
  ])('is refused for %s', async (_, tar) => {
    expect(await readTarBytes(tar)).toBe('oci.layer-invalid');
  });

  it('is refused when the packing is not what it says', async () => {
    const tar = tarOf(FILE);
    const packed = gzipSync(tar);
    expect(await readBlob(tar, tar)).toBe('oci.layer-invalid');
    expect(await readBlob(packed, tar, { mediaType: PLAIN })).toBe('oci.layer-invalid');
    expect(await readBlob(packed.subarray(0, -4), tar)).toBe('oci.layer-invalid');
    expect(await readBlob(Buffer.concat([packed, Buffer.from('trailing')]), tar)).toBe('oci.layer-invalid');
    expect(await readBlob(Buffer.concat([packed, Buffer.alloc(64)]), tar)).toBe('oci.layer-invalid');
    expect(await readBlob(Buffer.concat([packed, packed]), tar)).toBe('oci.layer-invalid');
  });

  it('is refused for another digest, size or diff_id', async () => {
    const tar = tarOf(FILE);
    const packed = gzipSync(tar);
    const other = digestOf(Buffer.from('other'));
    expect(await readBlob(packed, tar, { digest: other })).toBe('oci.digest-mismatch');
    expect(await readBlob(packed, tar, { size: packed.length - 1 })).toBe('oci.size-mismatch');
    expect(await readBlob(packed, tar, { size: packed.length + 1 })).toBe('oci.size-mismatch');
    expect(await readBlob(packed, tar, { diffId: other })).toBe('oci.diffid-mismatch');
  });

  it('is refused in a packing that not every machine reads, or from foreign addresses', async () => {
    const tar = tarOf(FILE);
    for (const more of [
      { mediaType: 'application/vnd.oci.image.layer.v1.tar+zstd' },
      { urls: ['https://example.com/x'] },
    ])
      expect(await readBlob(gzipSync(tar), tar, more)).toBe('oci.layer-unsupported');
  });

  it('throws the fault of a registry that breaks off, packed or not', async () => {
    const tar = tarOf(FILE);
    for (const [mediaType, blob] of [
      [GZIP, gzipSync(tar)],
      [PLAIN, tar],
    ] as const) {
      const registry = new MemoryRegistry();
      registry.blob = async () =>
        (async function* () {
          yield blob.subarray(0, 20);
          throw new Fault('RegistryUnreachable', 'the connection was reset');
        })();
      const layer = { mediaType, size: blob.length, digest: digestOf(blob) };
      const read = readLayer(registry, layer, digestOf(tar), async () => undefined);
      await expect(read).rejects.toThrow(expect.objectContaining({ name: 'RegistryUnreachable' }));
    }
  });
});

function withSize(text: string): Buffer {
  const member = memberOf({ name: 'a' });
  member.fill(0, 124, 136).write(text, 124, 'latin1');
  return summed(member);
}
function nameBytes(name: Buffer): Buffer {
  const member = memberOf({ name: 'abc' });
  name.copy(member);
  return Buffer.concat([summed(member), END]);
}
function summed(member: Buffer): Buffer {
  member.write('        ', 148);
  const sum = member.subarray(0, 512).reduce((total, byte) => total + byte, 0);
  member.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return member;
}

describe('the files of an image', () => {
  const file = (path: string): TarEntry => ({ path, kind: 'file', size: 1, target: '' });
  const folder = (path: string): TarEntry => ({ path, kind: 'directory', size: 0, target: '' });
  const link = (path: string, target: string, kind: 'symlink' | 'hardlink' = 'symlink'): TarEntry => ({
    path,
    kind,
    size: 0,
    target,
  });
  /** Layers of entries; the value of a file is its layer's number. */
  function treeOf(...layers: readonly (readonly TarEntry[])[]) {
    const tree = new FileTree<number>();
    for (const [at, entries] of layers.entries()) {
      tree.beginLayer();
      for (const entry of entries) tree.apply(entry, at);
    }
    return tree;
  }

  it('are those of the last layer that wrote them', () => {
    expect(treeOf([file('a'), file('b')], [file('b')]).files()).toEqual([
      ['a', 0],
      ['b', 1],
    ]);
  });

  it('end with a whiteout, alone or with all below, and an opaque mark hides lower layers only', () => {
    expect(treeOf([file('d/a'), file('d/b'), file('e')], [file('d/.wh.a')]).files()).toEqual([
      ['d/b', 0],
      ['e', 0],
    ]);
    expect(treeOf([file('d/a'), file('d/b'), file('e')], [file('.wh.d')]).files()).toEqual([['e', 0]]);
    for (const order of [
      [file('d/.wh..wh..opq'), file('d/new')],
      [file('d/new'), file('d/.wh..wh..opq')],
    ])
      expect(treeOf([file('d/old'), file('e')], order).files()).toEqual([
        ['d/new', 1],
        ['e', 0],
      ]);
  });

  it('are found through links, inside the image only', () => {
    const tree = treeOf([
      file('usr/bin/app'),
      link('bin', 'usr/bin'),
      link('up', '../../../usr/bin/app'),
      link('abs', '/bin/app'),
      link('loop', 'loop'),
    ]);
    for (const path of ['/bin/app', 'bin/app', '/up', 'abs', '/bin/../bin/app'])
      expect(tree.find(path)?.path).toBe('usr/bin/app');
    expect(tree.find('loop')).toBeUndefined();
    expect(tree.find('bin/none')).toBeUndefined();
  });

  it('are written through the links of their folders, as an unpacker does', () => {
    expect(treeOf([folder('real'), link('alias', 'real')], [file('alias/x')]).files()).toEqual([['real/x', 1]]);
  });

  it('lose what was below a folder that a file replaces', () => {
    expect(treeOf([folder('d'), file('d/a')], [file('d')]).files()).toEqual([['d', 1]]);
    expect(treeOf([file('d/e/a')], [file('d')]).files()).toEqual([['d', 1]]);
    expect(treeOf([file('d/a'), file('o/a')], [link('d', 'o')]).files()).toEqual([['o/a', 0]]);
  });

  it('share what a hard link of the same layer names', () => {
    expect(treeOf([file('a'), link('b', 'a', 'hardlink')]).files()).toEqual([
      ['a', 0],
      ['b', 0],
    ]);
  });

  it.each<[string, TarEntry[][]]>([
    ['a name twice in one layer', [[file('a'), file('a')]]],
    ['a hard link to another layer', [[file('a')], [link('b', 'a', 'hardlink')]]],
    ['a hard link to nothing', [[link('b', 'a', 'hardlink')]]],
    ['a hard link to a folder', [[folder('d'), link('b', 'd', 'hardlink')]]],
    ['a file below a file', [[file('a')], [file('a/x')]]],
    ['a file below a circle of links', [[link('a', 'b'), link('b', 'a')], [file('a/x')]]],
  ])('are refused for %s', (_, layers) => {
    expect(() => treeOf(...layers)).toThrow(expect.objectContaining({ name: 'ContentRefused' }));
  });

  it('are given up when putting them together would take hours', () => {
    const tree = new FileTree<number>(10_000_000);
    tree.beginLayer();
    for (let at = 0; at < 1000; at += 1) tree.apply(file(`f${at}`), 0);
    tree.beginLayer();
    const hide = () => {
      for (let at = 0; at < 1000; at += 1) tree.apply(file(`.wh.none${at}`), 1);
    };
    expect(hide).toThrow(
      expect.objectContaining({ name: 'ContentRefused', refusal: { code: 'oci.limit', expected: expect.any(String) } }),
    );
  });
});
