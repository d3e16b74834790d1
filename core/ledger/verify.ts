import type { TenantId } from '../../events/fields.ts';
import { type Checkpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { appendToEdge, leafHash, rootOfEdge, rootOfHashes, sameBytes } from '../tlog/merkle.ts';
import { openNote, type VerifierKey } from '../tlog/note.ts';
import { bundlePath, bundlesOf, decodeBundle, encodeTile, TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';
import { type EntryLink, tryParseEntry } from './entry.ts';
import { toHex } from './hex.ts';

/** The files of a tlog-tiles log by their path; `undefined` only when there is no such file. */
export type ReadLogFile = (path: string) => Promise<Uint8Array | undefined>;

const PROBLEM_CODES = [
  'ledger.checkpoint-missing',
  'ledger.checkpoint-malformed',
  'ledger.checkpoint-signature',
  'ledger.origin-mismatch',
  'ledger.bundle-missing',
  'ledger.bundle-malformed',
  'ledger.tile-missing',
  'ledger.tile-mismatch',
  'ledger.entry-malformed',
  'ledger.entry-tenant',
  'ledger.link-broken',
  'ledger.root-mismatch',
  'ledger.truncated',
  'ledger.fork',
] as const;
export interface LedgerProblem {
  readonly code: (typeof PROBLEM_CODES)[number];
  /** A path of the log, with `#` and the index of the entry where it is about one. */
  readonly where: string;
}

export interface LedgerReport {
  /** As the checkpoint says; 0 when it cannot be believed. */
  readonly size: number;
  /** Hex; computed from the entries as far as they could be read. */
  readonly root: string;
  /** Entries read. */
  readonly entries: number;
  /** Empty exactly when the whole log is as its key signed it; at most 1,000. */
  readonly problems: readonly LedgerProblem[];
}

const MAX_PROBLEMS = 1000;
type Note = (code: LedgerProblem['code'], where: string) => void;

const decode = (bytes: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);

/** Checks that the checkpoint is signed by the one key that the caller trusts, for the log of that name. */
async function believedCheckpoint(read: ReadLogFile, key: VerifierKey, note: Note): Promise<Checkpoint | undefined> {
  const bytes = await read('checkpoint');
  if (!bytes) {
    note('ledger.checkpoint-missing', 'checkpoint');
    return undefined;
  }
  const opened = openNote(decode(bytes), [key]);
  const checkpoint = opened.kind === 'opened' ? parseCheckpoint(opened.text) : undefined;
  if (opened.kind === 'unverified' || opened.kind === 'forged') note('ledger.checkpoint-signature', 'checkpoint');
  else if (!checkpoint) note('ledger.checkpoint-malformed', 'checkpoint');
  else if (checkpoint.origin !== key.name) note('ledger.origin-mismatch', 'checkpoint');
  else return checkpoint;
  return undefined;
}

/** Checks that every entry is canonical, of one tenant, and linked to the entry of its release before it. */
function entryChecker(note: Note): (bytes: Uint8Array, leaf: Uint8Array, index: number, where: string) => void {
  const newest = new Map<string, EntryLink>();
  let tenant: TenantId | undefined;
  return (bytes, leaf, index, path) => {
    const where = `${path}#${index}`;
    const entry = tryParseEntry(bytes);
    if (!entry) {
      note('ledger.entry-malformed', where);
      return;
    }
    tenant ??= entry.tenant;
    if (entry.tenant !== tenant) note('ledger.entry-tenant', where);
    const expected = entry.release && newest.get(entry.release.id);
    if (entry.prev?.index !== expected?.index || entry.prev?.leaf !== expected?.leaf) note('ledger.link-broken', where);
    if (entry.release) newest.set(entry.release.id, { index, leaf: toHex(leaf) });
  };
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** Checks that every hash tile holds what the leaves make of it; each level waits until its tile is full. */
function tileChecker(read: ReadLogFile, note: Note) {
  const levels: { index: number; hashes: Uint8Array[] }[] = [];
  const compare = async (level: number, index: number, hashes: readonly Uint8Array[]): Promise<void> => {
    const path = tilePath({ level, index, width: hashes.length });
    const bytes = await read(path);
    if (!bytes) note('ledger.tile-missing', path);
    else if (!isSame(bytes, encodeTile(hashes))) note('ledger.tile-mismatch', path);
  };
  const add = async (level: number, hash: Uint8Array): Promise<void> => {
    const open = levels[level] ?? { index: 0, hashes: [] };
    levels[level] = open;
    open.hashes.push(hash);
    if (open.hashes.length < TILE_WIDTH) return;
    await compare(level, open.index, open.hashes);
    levels[level] = { index: open.index + 1, hashes: [] };
    await add(level + 1, rootOfHashes(open.hashes));
  };
  return {
    /** The leaves of a tile; with the root of a full one, which the tile above has. */
    async addLeaves(index: number, leaves: readonly Uint8Array[], root: Uint8Array | undefined): Promise<void> {
      await compare(0, index, leaves);
      if (root) await add(1, root);
    },
    async finish(): Promise<void> {
      for (const [level, { index, hashes } = { index: 0, hashes: [] }] of levels.entries())
        if (hashes.length > 0) await compare(level, index, hashes);
    },
  };
}

interface BundleFile extends Omit<Tile, 'level'> {
  readonly path: string;
  readonly bytes: Uint8Array | undefined;
}

/** The bundles in their order, the next one read while one is checked. */
async function* bundleFiles(size: number, read: ReadLogFile): AsyncGenerator<BundleFile> {
  let before: (Omit<BundleFile, 'bytes'> & { bytes: Promise<Uint8Array | undefined> }) | undefined;
  for (const { index, width } of bundlesOf(size)) {
    const path = bundlePath(index, width);
    const bytes = read(path);
    // Its failure is thrown when its turn comes, which never is when checking ends before.
    bytes.catch(() => undefined);
    if (before) yield { ...before, bytes: await before.bytes };
    before = { index, width, path, bytes };
  }
  if (before) yield { ...before, bytes: await before.bytes };
}

export interface VerifyLogOptions {
  /** Told how many entries were read so far. */
  readonly progress?: (entries: number) => void;
  /** A checkpoint of the same log that was seen before, and whose signature was verified: the log must go on from it. */
  readonly earlier?: Checkpoint;
}

/** Compares the tree with an earlier one as it passes that one's size. */
function earlierChecker(earlier: Checkpoint | undefined, note: Note) {
  const where = 'checkpoint';
  const judge = (root: Uint8Array): void => {
    if (earlier && !sameBytes(root, earlier.root)) note('ledger.fork', where);
  };
  return {
    start(size: number): void {
      if (earlier && size < earlier.size) note('ledger.truncated', where);
      if (earlier?.size === 0) judge(rootOfEdge([]));
    },
    pass(edge: readonly Uint8Array[], count: number, leaves: readonly Uint8Array[]): void {
      if (earlier && earlier.size > count && earlier.size <= count + leaves.length)
        judge(rootOfEdge(appendToEdge(edge, count, leaves.slice(0, earlier.size - count))));
    },
  };
}

/**
 * Verifies a whole log with nothing but its files and its key: the signature, every bundle, leaf, tile and link, and that
 * the leaves lead to the signed root. Shares no code with the writer but the formats.
 */
export async function verifyLog(
  read: ReadLogFile,
  key: VerifierKey,
  { progress, earlier }: VerifyLogOptions = {},
): Promise<LedgerReport> {
  const problems: LedgerProblem[] = [];
  const note: Note = (code, where) => {
    if (problems.length < MAX_PROBLEMS) problems.push({ code, where });
  };
  const checkpoint = await believedCheckpoint(read, key, note);
  const size = checkpoint?.size ?? 0;
  const checkEntry = entryChecker(note);
  const tiles = tileChecker(read, note);
  const before = earlierChecker(earlier, note);
  if (checkpoint) before.start(size);
  let edge: readonly Uint8Array[] = [];
  let count = 0;
  for await (const { index, width, path, bytes } of bundleFiles(size, read)) {
    const entries = bytes && decodeBundle(bytes, width);
    if (!entries) {
      // Without these leaves nothing above or behind them can be computed.
      note(bytes ? 'ledger.bundle-malformed' : 'ledger.bundle-missing', path);
      break;
    }
    const leaves = entries.map(leafHash);
    for (const [at, leaf] of leaves.entries()) checkEntry(entries[at] ?? new Uint8Array(), leaf, count + at, path);
    const full = width === TILE_WIDTH ? rootOfHashes(leaves) : undefined;
    await tiles.addLeaves(index, leaves, full);
    before.pass(edge, count, leaves);
    // The edge of a tree of full tiles is that of a tree whose leaves are their roots.
    edge = full ? appendToEdge(edge, index, [full]) : appendToEdge(edge, count, leaves);
    count += width;
    progress?.(count);
  }
  if (count === size) await tiles.finish();
  const root = rootOfEdge(edge);
  if (checkpoint && !sameBytes(root, checkpoint.root)) note('ledger.root-mismatch', 'checkpoint');
  return { size, root: toHex(root), entries: count, problems };
}
