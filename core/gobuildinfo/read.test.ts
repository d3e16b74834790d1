import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type BuildInfoReading, readBuildInfo } from './read.ts';

const IMAGES = fileURLToPath(new URL('../../demo/fixtures/images/', import.meta.url));

/** The program of a sample image: the content of the one file of its one layer. */
function programOf(image: string): Buffer {
  const blob = (digest: string) => readFileSync(`${IMAGES}${image}/blobs/sha256/${digest.slice('sha256:'.length)}`);
  const [entry] = JSON.parse(readFileSync(`${IMAGES}${image}/index.json`, 'utf8')).manifests;
  const [layer] = JSON.parse(blob(entry.digest).toString()).layers;
  const tar = gunzipSync(blob(layer.digest));
  const start = tar.indexOf(Buffer.from('7f454c46', 'hex'));
  const size = Number.parseInt(tar.toString('latin1', start - 512 + 124, start - 512 + 135), 8);
  return tar.subarray(start, start + size);
}

/** Never gives what is not there: a read beyond the end is a bug of the reader. */
const reading = (bytes: Uint8Array): Promise<BuildInfoReading> =>
  readBuildInfo({
    size: bytes.length,
    read: (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > bytes.length)
        throw new Error(`read ${offset}+${length} of ${bytes.length}`);
      return bytes.subarray(offset, offset + length);
    },
  });

const FRAME = Buffer.alloc(16, 0x30);
const MODINFO = 'path\texample.test/tool\nmod\texample.test/tool\tv1.0.0\t\nbuild\tGOOS=linux\n';

const varint = (value: number): Buffer =>
  value < 0x80 ? Buffer.of(value) : Buffer.of((value & 0x7f) | 0x80, value >> 7);
/** A build info header of Go 1.18 and later, padded to 16 bytes. */
function blobOf(modinfo = MODINFO, version = 'go1.26.8'): Buffer {
  const text = Buffer.concat([FRAME, Buffer.from(modinfo), FRAME]);
  const blob = Buffer.concat([
    Buffer.from('\xff Go buildinf:\x08\x02', 'latin1'),
    Buffer.alloc(16),
    varint(version.length),
    Buffer.from(version),
    varint(text.length),
    text,
  ]);
  return Buffer.concat([blob, Buffer.alloc((16 - (blob.length % 16)) % 16)]);
}

/** A 64-bit ELF with one writable segment that holds `content`; `fields` overwrite its headers. */
function elfOf(content: Uint8Array, fields: (file: Buffer) => void = () => undefined): Buffer {
  const header = Buffer.alloc(64 + 56);
  Buffer.from('7f454c460201010000', 'hex').copy(header);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  header.writeUInt32LE(1, 64);
  header.writeUInt32LE(6, 68);
  header.writeBigUInt64LE(128n, 72);
  header.writeBigUInt64LE(0x10000n, 80);
  header.writeBigUInt64LE(BigInt(content.length), 96);
  const file = Buffer.concat([header, Buffer.alloc(8), content]);
  fields(file);
  return file;
}

describe('the build info of a program', () => {
  it('is read from a real one', async () => {
    const found = await reading(programOf('good'));
    expect(found).toMatchObject({
      kind: 'found',
      info: { format: 'elf', goVersion: 'go1.26.8', main: { path: 'git.example.com/acme/sample' } },
    });
    if (found.kind !== 'found') throw new Error(found.kind);
    expect(found.info.deps.length).toBeGreaterThan(0);
    expect(found.info.deps.every(({ h1 }) => h1?.startsWith('h1:'))).toBe(true);
    expect(found.info.settings['vcs.revision']).toMatch(/^[0-9a-f]{40}$/);
  });

  it('is another for another commit and another for another hash', async () => {
    const [good, otherCommit, rehashed] = await Promise.all(
      ['good', 'other-commit', 'rehashed'].map((image) => reading(programOf(image))),
    );
    expect(otherCommit).not.toEqual(good);
    expect(rehashed).not.toEqual(good);
    expect([otherCommit?.kind, rehashed?.kind]).toEqual(['found', 'found']);
  });

  it('is read from a program that holds little else', async () => {
    expect(await reading(elfOf(blobOf()))).toEqual({
      kind: 'found',
      info: {
        format: 'elf',
        goVersion: 'go1.26.8',
        path: 'example.test/tool',
        main: { path: 'example.test/tool', version: 'v1.0.0' },
        deps: [],
        settings: { GOOS: 'linux' },
      },
    });
  });

  it('is ambiguous when there are two, whichever a reader would take', async () => {
    const other = blobOf(MODINFO.replace('v1.0.0', 'v1.0.1'));
    expect(await reading(elfOf(Buffer.concat([blobOf(), other])))).toEqual({ kind: 'ambiguous', count: 2 });
    expect(await reading(elfOf(Buffer.concat([blobOf(), blobOf()])))).toEqual({ kind: 'ambiguous', count: 2 });
  });

  it('is not found where a sentinel is out of line or alone', async () => {
    expect(await reading(elfOf(Buffer.concat([Buffer.alloc(8), blobOf()])))).toEqual({ kind: 'none' });
    expect(await reading(elfOf(blobOf().subarray(0, 32)))).toEqual({ kind: 'none' });
    expect(await reading(elfOf(blobOf().subarray(0, 64)))).toEqual({ kind: 'none' });
  });

  it('is found behind a sentinel that nothing follows', async () => {
    const alone = Buffer.concat([Buffer.from('\xff Go buildinf:\x08\x00', 'latin1'), Buffer.alloc(16)]);
    expect(await reading(elfOf(Buffer.concat([alone, blobOf()])))).toMatchObject({ kind: 'found' });
  });

  it('is none for what is no program', async () => {
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('#!/bin/sh\n'),
      Buffer.alloc(4096),
      Buffer.from('MZ'.padEnd(100)),
    ])
      expect(await reading(bytes)).toEqual({ kind: 'none' });
  });

  it.each<[string, (file: Buffer) => void]>([
    ['another class', (file) => file.writeUInt8(3, 4)],
    ['another byte order', (file) => file.writeUInt8(3, 5)],
    ['program headers beyond the file', (file) => file.writeBigUInt64LE(1_000_000n, 32)],
    ['program headers beyond 2^53', (file) => file.writeBigUInt64LE(2n ** 63n, 32)],
    ['program headers of no size', (file) => file.writeUInt16LE(0, 54)],
    ['too many program headers', (file) => file.writeUInt16LE(0xffff, 56)],
    [
      'section headers beyond the file',
      (file) => Buffer.from('0000000000010000', 'hex').copy(file, 40) && file.writeUInt32LE(0x00030040, 58),
    ],
    ['a segment that begins beyond 2^53', (file) => file.writeBigUInt64LE(2n ** 60n, 72)],
    ['a segment of more than 2^53 bytes', (file) => file.writeBigUInt64LE(2n ** 60n, 96)],
  ])('is malformed in a program with %s', async (_, fields) => {
    expect(await reading(elfOf(blobOf(), fields))).toMatchObject({ kind: 'malformed' });
  });

  it('is read within the file only, however large a segment says it is', async () => {
    expect(await reading(elfOf(blobOf(), (file) => file.writeBigUInt64LE(2n ** 52n, 96)))).toMatchObject({
      kind: 'found',
    });
    expect(await reading(elfOf(blobOf(), (file) => file.writeBigUInt64LE(2n ** 52n, 72)))).toEqual({ kind: 'none' });
  });

  it.each([
    ['a word that go does not write', `${MODINFO}evil\tx\n`],
    ['a module of four fields', `${MODINFO}dep\ta\tv1\th1:x\ty\n`],
    ['a module without a path', `${MODINFO}dep\t\tv1.0.0\n`],
    ['a replacement of nothing', `=>\ta\tv1\th1:x\n${MODINFO}`],
    ['two main modules', `${MODINFO}mod\texample.test/other\tv1.0.0\t\n`],
    ['two paths', `${MODINFO}path\texample.test/other\n`],
    ['a setting twice', `${MODINFO}build\tGOOS=windows\n`],
    ['a setting without a value', `${MODINFO}build\tCGO\n`],
    ['a setting that goes on', `${MODINFO}build\tX="a"b\n`],
    ['an unknown escape', `${MODINFO}build\tX="\\q"\n`],
  ])('is malformed with %s', async (_, modinfo) => {
    expect(await reading(elfOf(blobOf(modinfo)))).toMatchObject({ kind: 'malformed' });
  });

  it('is read with replacements and quoted settings', async () => {
    const modinfo = `${MODINFO}dep\ta.b/c\tv1.0.0\n=>\ta.b/d\tv1.0.1\th1:x\nbuild\t-ldflags="-X \\"a=b\\"\\t"\n`;
    expect(await reading(elfOf(blobOf(modinfo)))).toMatchObject({
      info: {
        deps: [{ path: 'a.b/c', version: 'v1.0.0', replace: { path: 'a.b/d', version: 'v1.0.1', h1: 'h1:x' } }],
        settings: { '-ldflags': '-X "a=b"\t' },
      },
    });
  });

  it('of a real program that is cut anywhere is never another one, and no read leaves the file', async () => {
    const program = programOf('good');
    const whole = await reading(program);
    for (let length = 0; length < program.length; length += Math.max(1, Math.floor(program.length / 150))) {
      const cut = await reading(program.subarray(0, length));
      if (cut.kind === 'found') expect(cut).toEqual(whole);
      else expect(['none', 'malformed']).toContain(cut.kind);
    }
  });

  it('of a program with any byte of its headers changed ends as a value', async () => {
    const file = elfOf(blobOf());
    for (let at = 0; at < 128; at += 1)
      for (const value of [0x00, 0x7f, 0xff]) {
        const changed = Buffer.from(file);
        changed[at] = value;
        expect(['found', 'none', 'malformed', 'ambiguous']).toContain((await reading(changed)).kind);
      }
  });

  it.each(['feedfacf', 'cffaedfe', 'feedface', '4d5a9000'])(
    'of noise behind the magic %s ends as a value',
    async (magic) => {
      for (let seed = 1; seed < 60; seed += 1) {
        const noise = Buffer.from(
          Array.from({ length: 400 }, (_, at) => (at * at * seed + at * 7 + seed) & (seed % 3 ? 0xff : 0x0f)),
        );
        Buffer.from(magic, 'hex').copy(noise);
        expect(['none', 'malformed']).toContain((await reading(noise)).kind);
      }
    },
  );
});
