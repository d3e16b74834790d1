import { type Checkpoint, formatCheckpoint } from '../../core/tlog/checkpoint.ts';
import { leafHash, rootOfHashes } from '../../core/tlog/merkle.ts';
import { formatNote, formatSignatureLine, verifierKeyOf } from '../../core/tlog/note.ts';
import {
  bundlePath,
  bundlesOf,
  decodeBundle,
  encodeBundle,
  encodeTile,
  TILE_WIDTH,
  tilePath,
} from '../../core/tlog/tile.ts';
import { memoryNoteSigner } from './memory-signers.ts';

export type LogFiles = ReadonlyMap<string, Uint8Array>;

/** A log as it was published, and what somebody kept who read it before. */
export interface TamperedWith {
  readonly files: LogFiles;
  readonly size: number;
  readonly origin: string;
  /** The same log as it was when it was smaller. */
  readonly older: { readonly files: LogFiles; readonly size: number };
}

export interface Tampering {
  readonly name: string;
  /** Files in place of those that were published, whoever holds what; `undefined` where by chance nothing changed. */
  plant(log: TamperedWith, random: () => number): LogFiles | undefined | Promise<LogFiles | undefined>;
}

const pick = <T>(items: readonly T[], random: () => number): T => {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
};
const below = (count: number, random: () => number) => Math.floor(random() * count);

const entriesOf = (files: LogFiles, size: number): Uint8Array[] =>
  [...bundlesOf(size)].flatMap(
    ({ index, width }) => decodeBundle(files.get(bundlePath(index, width)) ?? new Uint8Array(), width) ?? [],
  );

/** Bundles and tiles of other entries, as a careful forger makes them. */
function filesOfEntries(entries: readonly Uint8Array[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (const { index, width } of bundlesOf(entries.length)) {
    const start = index * TILE_WIDTH;
    files.set(bundlePath(index, width), encodeBundle(entries.slice(start, start + width)));
  }
  let hashes = entries.map(leafHash);
  for (let level = 0; hashes.length > 0; level += 1) {
    const above: Uint8Array[] = [];
    for (let start = 0; start < hashes.length; start += TILE_WIDTH) {
      const tile = hashes.slice(start, start + TILE_WIDTH);
      files.set(tilePath({ level, index: start / TILE_WIDTH, width: tile.length }), encodeTile(tile));
      if (tile.length === TILE_WIDTH) above.push(rootOfHashes(tile));
    }
    hashes = above;
  }
  return files;
}

async function signed(checkpoint: Checkpoint, keyName: string): Promise<Uint8Array> {
  const signer = memoryNoteSigner(keyName);
  const key = verifierKeyOf(checkpoint.origin, await signer.publicKey());
  const text = formatCheckpoint(checkpoint);
  return Buffer.from(formatNote(text, [formatSignatureLine(key, await signer.sign(Buffer.from(text)))]));
}

const withFile = (files: LogFiles, path: string, bytes: Uint8Array): LogFiles => new Map([...files, [path, bytes]]);

function flipped(bytes: Uint8Array, random: () => number): Uint8Array {
  const changed = Buffer.from(bytes);
  const at = below(changed.length, random);
  changed[at] = (changed[at] ?? 0) ^ (1 << below(8, random));
  return changed;
}

function moved(entries: readonly Uint8Array[], random: () => number): Uint8Array[] {
  const [from, to] = [below(entries.length, random), below(entries.length, random)];
  const [entry = new Uint8Array()] = entries.slice(from, from + 1);
  return entries.toSpliced(from, 1).toSpliced(to, 0, entry);
}

const isSame = (a: readonly Uint8Array[], b: readonly Uint8Array[]) => Buffer.concat(a).equals(Buffer.concat(b));

/** Other entries, with bundles and tiles that fit them, under the checkpoint that was published. */
const rebuilt =
  (change: (entries: readonly Uint8Array[], random: () => number) => Uint8Array[]) =>
  ({ files, size }: TamperedWith, random: () => number): LogFiles | undefined => {
    const entries = entriesOf(files, size);
    const changed = change(entries, random);
    const checkpoint = files.get('checkpoint') ?? new Uint8Array();
    return isSame(entries, changed) ? undefined : withFile(filesOfEntries(changed), 'checkpoint', checkpoint);
  };

/** A whole log of other entries, signed by this key. */
const resigned =
  (keyName: string, change: (entries: readonly Uint8Array[], random: () => number) => Uint8Array[]) =>
  async ({ files, size, origin }: TamperedWith, random: () => number): Promise<LogFiles | undefined> => {
    const entries = entriesOf(files, size);
    const changed = change(entries, random);
    if (keyName === OWN_KEY && isSame(entries, changed)) return undefined;
    const root = rootOfHashes(changed.map(leafHash));
    const note = await signed({ origin, size: changed.length, root }, keyName);
    return withFile(filesOfEntries(changed), 'checkpoint', note);
  };

/** Of the log itself; `memoryNoteSigner` has it by default. */
const OWN_KEY = 'a log key for tests';

const edited = (entries: readonly Uint8Array[], random: () => number): Uint8Array[] => {
  const at = below(entries.length, random);
  return entries.with(
    at,
    Buffer.from(
      Buffer.from(entries[at] ?? [])
        .toString()
        .replace('"pass"', '"info"'),
    ),
  );
};
const truncated = (entries: readonly Uint8Array[], random: () => number) =>
  entries.slice(0, entries.length - 1 - below(20, random));

export const TAMPERINGS: readonly Tampering[] = [
  {
    name: 'a flipped bit',
    plant: ({ files }, random) => {
      const path = pick([...files.keys()], random);
      return withFile(files, path, flipped(files.get(path) ?? new Uint8Array(), random));
    },
  },
  {
    name: 'a dropped file',
    plant: ({ files }, random) => {
      const path = pick([...files.keys()], random);
      return new Map([...files].filter(([name]) => name !== path));
    },
  },
  {
    name: 'two files in each other’s place',
    plant: ({ files }, random) => {
      const [a, b] = [pick([...files], random), pick([...files], random)];
      return a[0] === b[0] ? undefined : new Map([...files, [a[0], b[1]], [b[0], a[1]]]);
    },
  },
  {
    name: 'a file with its end cut off',
    plant: ({ files }, random) => {
      const path = pick([...files.keys()], random);
      const bytes = files.get(path) ?? new Uint8Array();
      return withFile(files, path, bytes.slice(0, below(bytes.length, random)));
    },
  },
  {
    name: 'entries in another order, in their bundle alone',
    plant: ({ files, size }, random) => {
      const { index, width } = pick([...bundlesOf(size)], random);
      const path = bundlePath(index, width);
      const entries = decodeBundle(files.get(path) ?? new Uint8Array(), width) ?? [];
      const changed = moved(entries, random);
      return isSame(entries, changed) ? undefined : withFile(files, path, encodeBundle(changed));
    },
  },
  { name: 'entries in another order, with their tiles', plant: rebuilt(moved) },
  { name: 'an edited entry, with its tiles', plant: rebuilt(edited) },
  { name: 'a tail cut off, with its tiles', plant: rebuilt(truncated) },
  { name: 'a fork that somebody else signed', plant: resigned('somebody else', edited) },
  { name: 'a copy that somebody else signed', plant: resigned('somebody else', (entries) => [...entries]) },
  { name: 'a tail cut off by the holder of the key', plant: resigned(OWN_KEY, truncated) },
  { name: 'a rewritten history by the holder of the key', plant: resigned(OWN_KEY, edited) },
  { name: 'the log as it was before', plant: ({ older }) => older.files },
  {
    name: 'files of the log as it was before, under the newer checkpoint',
    plant: ({ files, older }) => withFile(older.files, 'checkpoint', files.get('checkpoint') ?? new Uint8Array()),
  },
];
