import {
  type ByteSource,
  type Executable,
  type LoadedSegment,
  MalformedExecutable,
  readExecutable,
} from './executable.ts';
import { MalformedModuleInfo, type ModuleInfo, parseModuleInfo } from './modinfo.ts';

/** Go's `debug/buildinfo` format, read by ranges. Build info is a claim of whoever made the file. */

export interface BuildInfo extends ModuleInfo {
  readonly goVersion: string;
  readonly format: Executable['format'];
}

export type BuildInfoReading =
  | { readonly kind: 'found'; readonly info: BuildInfo }
  /** No program we read, or one without build info. */
  | { readonly kind: 'none' }
  | { readonly kind: 'ambiguous'; readonly count: number }
  | { readonly kind: 'malformed'; readonly problem: string };

const SENTINEL = Buffer.from('\xff Go buildinf:', 'latin1');
const ALIGN = 16;
const HEADER = 32;
const CHUNK = 1024 * 1024;
const MAX_TEXT = 16 * 1024 * 1024;

/** Hostile files end as `malformed`; only what `source.read` throws is thrown. */
export async function readBuildInfo(source: ByteSource): Promise<BuildInfoReading> {
  try {
    const executable = await readExecutable(source);
    if (!executable) return { kind: 'none' };
    const found: { version: string; modinfo: string }[] = [];
    for (const address of await sentinels(source, executable)) {
      const blob = await readBlobAt(source, executable, address);
      if (blob) found.push(blob);
    }
    const [only, ...more] = found;
    if (!only) return { kind: 'none' };
    if (more.length > 0) return { kind: 'ambiguous', count: found.length };
    const info = { goVersion: only.version, format: executable.format, ...parseModuleInfo(only.modinfo) };
    return { kind: 'found', info };
  } catch (error) {
    if (error instanceof MalformedExecutable || error instanceof MalformedModuleInfo)
      return { kind: 'malformed', problem: error.message };
    throw error;
  }
}

/** Addresses of aligned sentinels where the linker may have put them. */
async function sentinels(source: ByteSource, { search }: Executable): Promise<number[]> {
  const addresses = new Set<number>();
  for (const { address, offset, size } of search) {
    const skip = (ALIGN - (address % ALIGN)) % ALIGN;
    for (let at = skip; at + HEADER <= size; at += CHUNK) {
      const bytes = Buffer.from(await source.read(offset + at, Math.min(CHUNK, size - at)));
      for (let hit = bytes.indexOf(SENTINEL); hit >= 0; hit = bytes.indexOf(SENTINEL, hit + 1))
        if (hit % ALIGN === 0) addresses.add(address + at + hit);
      if (addresses.size > 64) throw new MalformedExecutable('more than 64 build info headers');
    }
  }
  return [...addresses];
}

/** Bytes at an address, as many as its segment has, at most `length`. */
async function bytesAt(source: ByteSource, segments: readonly LoadedSegment[], address: number, length: number) {
  const segment = segments.find(({ address: start, size }) => address >= start && address < start + size);
  if (!segment) return Buffer.alloc(0);
  const skip = address - segment.address;
  return Buffer.from(await source.read(segment.offset + skip, Math.min(length, segment.size - skip)));
}

/** `undefined`: a sentinel that no build info follows. */
async function readBlobAt(source: ByteSource, { segments, search }: Executable, address: number) {
  const places = [...segments, ...search];
  const header = await bytesAt(source, places, address, HEADER);
  if (header.length < HEADER) return undefined;
  const inline = ((header[15] ?? 0) & 2) === 2;
  const texts = inline
    ? await inlineTexts(source, places, address + HEADER)
    : await pointedTexts(source, places, header);
  const version = texts?.[0].toString('utf8');
  if (!texts || !version) return undefined;
  return { version, modinfo: withoutFrame(texts[1]) };
}

/** The go command frames the text with two sentinels of 16 bytes. */
const withoutFrame = (text: Buffer): string =>
  text.length >= 33 && text[text.length - 17] === 0x0a ? text.subarray(16, -16).toString('utf8') : '';

type Texts = [Buffer, Buffer];

/** Go 1.18 and later: two strings behind the header, each with its length as a varint. */
async function inlineTexts(
  source: ByteSource,
  places: readonly LoadedSegment[],
  start: number,
): Promise<Texts | undefined> {
  const texts: Buffer[] = [];
  let at = start;
  for (let text = 0; text < 2; text += 1) {
    const length = uvarint(await bytesAt(source, places, at, 10));
    if (!length || length.value > MAX_TEXT) return undefined;
    const bytes = await bytesAt(source, places, at + length.size, length.value);
    if (bytes.length < length.value) return undefined;
    texts.push(bytes);
    at += length.size + length.value;
  }
  const [version, modinfo] = texts;
  return version && modinfo ? [version, modinfo] : undefined;
}

function uvarint(bytes: Uint8Array): { value: number; size: number } | undefined {
  let value = 0;
  for (let at = 0; at < Math.min(bytes.length, 7); at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { value, size: at + 1 };
  }
  return undefined;
}

/** Before Go 1.18: pointers to two Go strings, each a pointer and a length. */
async function pointedTexts(
  source: ByteSource,
  places: readonly LoadedSegment[],
  header: Buffer,
): Promise<Texts | undefined> {
  const width = header[14];
  const big = ((header[15] ?? 0) & 1) === 1;
  if (width !== 4 && width !== 8) return undefined;
  const pointer = (bytes: Buffer, at: number): number => {
    if (width === 4) return big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
    return Number(big ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at));
  };
  const text = async (address: number): Promise<Buffer | undefined> => {
    const string = await bytesAt(source, places, address, 2 * width);
    if (string.length < 2 * width) return undefined;
    const length = pointer(string, width);
    const bytes = length > MAX_TEXT ? undefined : await bytesAt(source, places, pointer(string, 0), length);
    return bytes?.length === length ? bytes : undefined;
  };
  const version = await text(pointer(header, 16));
  return version && [version, (await text(pointer(header, 16 + width))) ?? Buffer.alloc(0)];
}
