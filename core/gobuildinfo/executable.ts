/** Bytes read piece by piece, in memory or not; gives exactly `length` bytes. */
export interface ByteSource {
  readonly size: number;
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

/** Bytes of the file that the loader places at `address`. */
export interface LoadedSegment {
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

export interface Executable {
  readonly format: 'elf' | 'mach-o' | 'pe';
  readonly segments: readonly LoadedSegment[];
  /** Where the linker puts build info: its own section, and the writable data it was in before that section existed. */
  readonly search: readonly LoadedSegment[];
}

/** Bytes that look like a program and contradict themselves. Callers turn it into a refusal. */
export class MalformedExecutable extends Error {
  override readonly name = 'MalformedExecutable';
}

const MAX_HEADERS = 4096;

/** Fields of a header: a view that refuses to read beyond its bytes. */
class Fields {
  private readonly view: DataView;
  private readonly little: boolean;
  constructor(bytes: Uint8Array, little: boolean) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.little = little;
  }
  u16 = (at: number): number => this.view.getUint16(at, this.little);
  u32 = (at: number): number => this.view.getUint32(at, this.little);
  u64 = (at: number): number => {
    const value = this.view.getBigUint64(at, this.little);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedExecutable('a 64-bit field beyond 2^53');
    return Number(value);
  };
  text = (at: number, length: number): string => {
    const bytes = Buffer.from(this.view.buffer, this.view.byteOffset + at, length);
    const end = bytes.indexOf(0);
    return bytes.toString('latin1', 0, end < 0 ? length : end);
  };
}

async function fieldsAt(source: ByteSource, offset: number, length: number, little: boolean): Promise<Fields> {
  if (offset + length > source.size) throw new MalformedExecutable('a header beyond the end of the file');
  return new Fields(await source.read(offset, length), little);
}

async function table(source: ByteSource, offset: number, count: number, entry: number, little: boolean) {
  if (count > MAX_HEADERS) throw new MalformedExecutable(`more than ${MAX_HEADERS} headers`);
  const rows: Fields[] = [];
  for (let row = 0; row < count; row += 1) rows.push(await fieldsAt(source, offset + row * entry, entry, little));
  return rows;
}

/** The part of a segment that the file holds; a segment that starts beyond the file holds nothing. */
const within = (source: ByteSource, { address, offset, size }: LoadedSegment): LoadedSegment => ({
  address,
  offset,
  size: Math.max(0, Math.min(size, source.size - offset)),
});

/** ELF, Mach-O (thin) or PE by magic; `undefined` for anything else. */
export function executableFormat(head: Uint8Array): Executable['format'] | 'mach-o-fat' | undefined {
  const magic = Buffer.from(head.subarray(0, 4)).toString('hex');
  if (magic === '7f454c46') return 'elf';
  if (['feedface', 'feedfacf', 'cefaedfe', 'cffaedfe'].includes(magic)) return 'mach-o';
  if (magic === 'cafebabe' || magic === 'cafebabf') return 'mach-o-fat';
  return magic.startsWith('4d5a') ? 'pe' : undefined;
}

/** Headers of a program; `undefined` when it is none. */
export async function readExecutable(source: ByteSource): Promise<Executable | undefined> {
  if (source.size < 64) return undefined;
  const head = await source.read(0, 64);
  const format = executableFormat(head);
  try {
    if (format === 'elf') return await readElf(source, head);
    if (format === 'mach-o') return await readMachO(source, head);
    if (format === 'pe') return await readPe(source, head);
  } catch (error) {
    if (error instanceof RangeError) throw new MalformedExecutable('a header that is too short', { cause: error });
    throw error;
  }
  return undefined;
}

async function readElf(source: ByteSource, head: Uint8Array): Promise<Executable> {
  const [wide, little] = [head[4] === 2, head[5] === 1];
  if ((!wide && head[4] !== 1) || (!little && head[5] !== 2)) throw new MalformedExecutable('ELF class or order');
  const header = new Fields(head, little);
  const programOffset = wide ? header.u64(32) : header.u32(28);
  const sectionOffset = wide ? header.u64(40) : header.u32(32);
  const counts = wide ? 54 : 42;
  const programs = await table(source, programOffset, header.u16(counts + 2), header.u16(counts), little);
  const loads = programs
    .filter((row) => row.u32(0) === 1)
    .map((row) => ({
      writable: ((wide ? row.u32(4) : row.u32(24)) & 3) === 2,
      segment: within(source, {
        offset: wide ? row.u64(8) : row.u32(4),
        address: wide ? row.u64(16) : row.u32(8),
        size: wide ? row.u64(32) : row.u32(16),
      }),
    }));
  const sections = await table(source, sectionOffset, header.u16(counts + 6), header.u16(counts + 4), little);
  const named = await elfSection(source, sections, header.u16(counts + 8), wide);
  const writable = loads.find((load) => load.writable)?.segment;
  return {
    format: 'elf',
    segments: loads.map(({ segment }) => segment),
    search: [...(named ? [named] : []), ...(writable ? [writable] : [])],
  };
}

async function elfSection(
  source: ByteSource,
  sections: readonly Fields[],
  names: number,
  wide: boolean,
): Promise<LoadedSegment | undefined> {
  const strings = sections[names];
  if (!strings) return undefined;
  const base = wide ? strings.u64(24) : strings.u32(16);
  for (const row of sections) {
    const at = base + row.u32(0);
    if (at + 14 > source.size) continue;
    if (Buffer.from(await source.read(at, 14)).toString('latin1') !== '.go.buildinfo\0') continue;
    return within(source, {
      address: wide ? row.u64(16) : row.u32(12),
      offset: wide ? row.u64(24) : row.u32(16),
      size: wide ? row.u64(32) : row.u32(20),
    });
  }
  return undefined;
}

async function readMachO(source: ByteSource, head: Uint8Array): Promise<Executable> {
  const little = head[3] === 0xfe;
  const wide = (little ? head[0] : head[3]) === 0xcf;
  const header = new Fields(head, little);
  const count = header.u32(16);
  if (count > MAX_HEADERS) throw new MalformedExecutable(`more than ${MAX_HEADERS} load commands`);
  const segments: LoadedSegment[] = [];
  const named: LoadedSegment[] = [];
  const writable: LoadedSegment[] = [];
  for (let command = 0, at = wide ? 32 : 28; command < count; command += 1) {
    const start = await fieldsAt(source, at, 8, little);
    const length = start.u32(4);
    if (length < 8 || length > 1024 * 1024) throw new MalformedExecutable('a load command without end');
    if (start.u32(0) === (wide ? 0x19 : 1)) {
      const segment = machSegment(await fieldsAt(source, at, length, little), source, wide);
      segments.push(segment.place);
      named.push(...segment.named);
      if (segment.writable) writable.push(segment.place);
    }
    at += length;
  }
  return { format: 'mach-o', segments, search: [...named.slice(0, 1), ...writable.slice(0, 1)] };
}

function machSegment(row: Fields, source: ByteSource, wide: boolean) {
  const place = within(source, {
    address: wide ? row.u64(24) : row.u32(24),
    offset: wide ? row.u64(40) : row.u32(32),
    size: wide ? row.u64(48) : row.u32(36),
  });
  const protection = wide ? 56 : 40;
  const writable = row.u32(protection) === 3 && row.u32(protection + 4) === 3 && place.size > 0;
  const named: LoadedSegment[] = [];
  const [first, entry] = wide ? [72, 80] : [56, 68];
  for (let section = 0; section < Math.min(row.u32(protection + 8), MAX_HEADERS); section += 1) {
    const at = first + section * entry;
    if (row.text(at, 16) !== '__go_buildinfo') continue;
    const [address, size] = wide ? [row.u64(at + 32), row.u64(at + 40)] : [row.u32(at + 32), row.u32(at + 36)];
    const offset = row.u32(wide ? at + 48 : at + 40);
    named.push(within(source, { address, size, offset }));
  }
  return { place, writable, named };
}

const PE_WRITABLE_DATA = 0xc0000040;
const PE_ALIGN_MASK = 0x00f00000;

async function readPe(source: ByteSource, head: Uint8Array): Promise<Executable | undefined> {
  const at = new Fields(head, true).u32(60);
  if (at + 24 + 32 > source.size) return undefined;
  const header = await fieldsAt(source, at, 24 + 32, true);
  if (header.u32(0) !== 0x00004550) return undefined;
  const optional = header.u16(20);
  const wide = header.u16(24) === 0x20b;
  const base = optional === 0 ? 0 : wide ? header.u64(24 + 24) : header.u32(24 + 28);
  const rows = await table(source, at + 24 + optional, header.u16(6), 40, true);
  const sections = rows.map((row) => ({
    writable: (row.u32(36) & ~PE_ALIGN_MASK) >>> 0 === PE_WRITABLE_DATA && row.u32(12) > 0 && row.u32(16) > 0,
    segment: within(source, { address: base + row.u32(12), offset: row.u32(20), size: row.u32(16) }),
  }));
  const writable = sections.find((section) => section.writable)?.segment;
  return { format: 'pe', segments: sections.map(({ segment }) => segment), search: writable ? [writable] : [] };
}
