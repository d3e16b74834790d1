import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import type { Clock } from '../ports/clock.ts';
import type { LedgerHead, ReleasePointer, StoredKey } from '../ports/ledger-store.ts';
import type { Checkpoint } from '../tlog/checkpoint.ts';
import { appendToEdge, leafHash, rootOfEdge } from '../tlog/merkle.ts';
import { bundlePath, bundlesOf, decodeBundle, TILE_WIDTH } from '../tlog/tile.ts';
import { anchorsAfter, putAnchor } from './anchors.ts';
import { type LedgerEntry, requestHashOf, tryParseEntry } from './entry.ts';
import { toHex } from './hex.ts';
import type { LogDeps } from './log-tiles.ts';
import { keepFullTiles } from './publish.ts';
import { segmentOf } from './segment.ts';
import type { ReadLogFile } from './verify.ts';

/** A log made again from what it published: its entries under its own checkpoint, in stores that hold nothing else of it. */

export interface ImportDeps extends LogDeps {
  readonly clock: Pick<Clock, 'now'>;
}

/** A log that was verified whole. */
export interface VerifiedLog {
  readonly checkpoint: Checkpoint;
  /** The signed note that says so. */
  readonly note: string;
  /** The same files again; `undefined` for one that is not what was verified. */
  readonly again: ReadLogFile;
}

export type ImportOutcome =
  | { readonly kind: 'imported'; readonly size: number; readonly added: number }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'import.empty-log'
        | 'import.other-tenant'
        | 'import.not-a-prefix'
        | 'import.target-longer'
        | 'import.target-not-empty'
        | 'import.source-changed';
    };
type RefusalCode = Extract<ImportOutcome, { kind: 'refused' }>['code'];

/**
 * Reads a log twice: first to verify it, then to copy what was verified. Whatever is answered otherwise the second time is
 * not copied.
 */
export function readTwice(read: ReadLogFile): { readonly first: ReadLogFile; readonly again: ReadLogFile } {
  const digests = new Map<string, Sha256Hex>();
  return {
    first: async (path) => {
      const bytes = await read(path);
      if (bytes) digests.set(path, sha256Hex(bytes));
      return bytes;
    },
    again: async (path) => {
      const bytes = await read(path);
      return bytes && sha256Hex(bytes) === digests.get(path) ? bytes : undefined;
    },
  };
}

/**
 * A key that no caller will ever ask with: an export does not tell under which one an entry was appended, so what is
 * asked again of an imported log is appended again.
 */
const keyOf = (tenant: TenantId, index: number): Sha256Hex =>
  sha256Hex(canonicalJson(['relseal.import/1', tenant, index]));

function rowOf(tenant: TenantId, bytes: Uint8Array, entry: LedgerEntry, index: number): StoredKey {
  const { schema: _schema, tenant: _tenant, at: _at, prev: _prev, ...content } = entry;
  return { key: keyOf(tenant, index), index, leaf: toHex(leafHash(bytes)), requestHash: requestHashOf(content) };
}

type Parsed = readonly { readonly bytes: Uint8Array; readonly entry: LedgerEntry }[];

/** Commits entries on top of the head, as an appender does: write-once first. Doing it again after a crash changes nothing. */
async function commitPart(deps: ImportDeps, tenant: TenantId, head: LedgerHead, part: Parsed): Promise<LedgerHead> {
  const keys = part.map(({ bytes, entry }, at) => rowOf(tenant, bytes, entry, head.size + at));
  const releases = new Map<string, ReleasePointer>();
  for (const [at, { entry }] of part.entries()) {
    const [release, leaf] = [entry.release?.id, keys[at]?.leaf];
    if (release !== undefined && leaf !== undefined) releases.set(release, { release, index: head.size + at, leaf });
  }
  const entries = part.map(({ bytes }) => bytes);
  const { name: segment, bytes, batchHash, next } = segmentOf(tenant, head, entries, keys);
  await deps.worm.put(segment, bytes);
  const batch = {
    ...{ firstIndex: head.size, entries, segment, keys, batchHash },
    previousBatchHash: head.batchHash,
    releases: [...releases.values()],
  };
  await deps.ledger.commit(tenant, batch, next, head);
  return next;
}

/** What keeps a log from being imported here, as far as the stores tell before anything of it is read. */
async function obstacle(
  { ledger, worm }: ImportDeps,
  tenant: TenantId,
  { size }: Checkpoint,
): Promise<RefusalCode | undefined> {
  if (size === 0) return 'import.empty-log';
  const [head, published] = [await ledger.head(tenant), await ledger.published(tenant)];
  if (Math.max(head.size, published?.size ?? 0) > size) return 'import.target-longer';
  for await (const _anchor of anchorsAfter(worm, tenant, size)) return 'import.target-longer';
  if (head.size > 0) return undefined;
  // Of an import that was cut short there is the first segment at most; more are a log whose database is lost.
  let segments = 0;
  for await (const _name of worm.list(`t/${tenant}/seg/`)) segments += 1;
  return segments > 1 ? 'import.target-not-empty' : undefined;
}

/** The entries of a bundle, or why they cannot be committed for this tenant. */
function parsedOf(tenant: TenantId, bundle: Uint8Array | undefined, width: number): Parsed | RefusalCode {
  const entries = bundle && decodeBundle(bundle, width);
  if (!entries) return 'import.source-changed';
  const parsed = entries.flatMap((bytes) => {
    const entry = tryParseEntry(bytes);
    return entry?.tenant === tenant ? [{ bytes, entry }] : [];
  });
  return parsed.length === width ? parsed : 'import.other-tenant';
}

/** Commits every entry that the head does not hold, once it is sure that the head is the beginning of the log. */
async function commitEntries(
  deps: ImportDeps,
  tenant: TenantId,
  { checkpoint, again }: VerifiedLog,
  progress: (entries: number) => void,
): Promise<RefusalCode | undefined> {
  let head = await deps.ledger.head(tenant);
  const most = Math.max(1, Math.floor(deps.ledger.batchWeight / 2));
  let edge: readonly Uint8Array[] = [];
  for (const { index, width } of bundlesOf(checkpoint.size)) {
    const parsed = parsedOf(tenant, await again(bundlePath(index, width)), width);
    if (typeof parsed === 'string') return parsed;
    const [from, leaves] = [index * TILE_WIDTH, parsed.map(({ bytes }) => leafHash(bytes))];
    const known = Math.min(width, head.size - from);
    if (known > 0) {
      const isEnd = head.size <= from + width;
      if (isEnd && toHex(rootOfEdge(appendToEdge(edge, from, leaves.slice(0, known)))) !== head.root)
        return 'import.not-a-prefix';
    }
    edge = appendToEdge(edge, from, leaves);
    for (let at = Math.max(known, 0); at < width; at += most)
      head = await commitPart(deps, tenant, head, parsed.slice(at, at + most));
    progress(from + width);
  }
  return undefined;
}

/**
 * Imports a verified log: entries, full tiles, its own checkpoint and a copy of that. Stores that hold the beginning of
 * the log get the rest; any others are refused as they are. A process that dies leaves such a beginning.
 */
export async function importLog(
  deps: ImportDeps,
  tenant: TenantId,
  log: VerifiedLog,
  progress: (entries: number) => void = () => undefined,
): Promise<ImportOutcome> {
  const { size, root } = log.checkpoint;
  const before = await deps.ledger.head(tenant);
  const code = (await obstacle(deps, tenant, log.checkpoint)) ?? (await commitEntries(deps, tenant, log, progress));
  if (code) return { kind: 'refused', code };
  const published = await deps.ledger.published(tenant);
  await keepFullTiles(deps, tenant, published?.size ?? 0, size);
  const signed = { size, root: toHex(root), note: log.note };
  await putAnchor(deps.worm, tenant, signed);
  const next = { ...published, ...signed, anchored: { size, at: deps.clock.now() } };
  await deps.ledger.savePublished(tenant, next, published?.size ?? 0);
  return { kind: 'imported', size, added: size - before.size };
}
