import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { LedgerHead } from '../ports/ledger-store.ts';
import { fromBase64 } from '../tlog/checkpoint.ts';
import { appendToEdge, leafHash, rootOfEdge, sameBytes } from '../tlog/merkle.ts';
import type { Refusal } from '../verdict.ts';
import { type EntryLink, tryParseEntry } from './entry.ts';
import { fromHex, toHex } from './hex.ts';
import {
  changed,
  followersOf,
  isRefusal,
  type KeptSegment,
  type LogEvidence,
  readSegment,
  sizeAfter,
} from './log-evidence.ts';
import { entriesOf } from './log-tiles.ts';
import type { ReplayDeps } from './replay-segments.ts';

const PAGE = 256;
const MOST = 1000;
type Note = (reason: Refusal) => void;

/** As many entries as the database has of a stretch. */
async function storedEntries({ ledger }: ReplayDeps, tenant: TenantId, from: number, count: number) {
  const stored: Uint8Array[] = [];
  while (stored.length < count) {
    const more = await ledger.entries(tenant, from + stored.length, count - stored.length);
    if (more.length === 0) break;
    stored.push(...more);
  }
  return stored;
}

/** Compares what one segment holds with the rows that its commit made. */
async function compareRows(deps: ReplayDeps, tenant: TenantId, segment: KeptSegment, note: Note): Promise<void> {
  const { name, firstIndex, keys, entries } = segment;
  if (keys.length !== entries.length) note(changed(name, 'not one key for each entry'));
  const stored = await storedEntries(deps, tenant, firstIndex, entries.length);
  const named = keys.map(({ key }) => key);
  const rows = new Map((await deps.ledger.storedKeys(tenant, named)).map((row) => [row.key, row]));
  for (const [at, { key, requestHash }] of keys.entries()) {
    const [index, kept, entry, row] = [firstIndex + at, fromBase64(entries[at] ?? ''), stored[at], rows.get(key)];
    const where = `${name}#${index}`;
    if (!kept || !entry || !sameBytes(entry, kept)) note({ code: 'ledger.entry-differs', where });
    else if (row?.index !== index || row.leaf !== toHex(leafHash(kept)) || row.requestHash !== requestHash)
      note({ code: 'ledger.key-differs', where });
  }
}

/** Follows the segments from the head back to the first, and answers those on the way: what was committed. */
async function compareSegments(
  deps: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  head: LedgerHead,
  note: Note,
  progress: (entries: number) => void,
): Promise<ReadonlySet<Sha256Hex>> {
  const committed = new Set<Sha256Hex>();
  let { size: end, batchHash } = head;
  while (batchHash !== '') {
    const named = evidence.byHash.get(batchHash);
    const missing: Refusal = { code: 'ledger.segment-missing', where: `t/${tenant}/seg/…-${batchHash}` };
    const segment = named ? await readSegment(deps.worm, tenant, named) : missing;
    if (isRefusal(segment)) {
      note(segment);
      return committed;
    }
    if (sizeAfter(segment) !== end)
      note({ code: 'ledger.head-differs', where: segment.name, expected: `${sizeAfter(segment)}`, found: `${end}` });
    await compareRows(deps, tenant, segment, note);
    committed.add(batchHash);
    progress(head.size - segment.firstIndex);
    ({ firstIndex: end, previousBatchHash: batchHash } = segment);
  }
  if (end !== 0) note({ code: 'ledger.segment-missing', where: `t/${tenant}/seg/0-…` });
  return committed;
}

/** Checks that releases point to their newest entries, on which the next ones are linked. */
async function compareReleases(
  { ledger }: ReplayDeps,
  tenant: TenantId,
  newest: ReadonlyMap<string, EntryLink>,
  note: Note,
): Promise<void> {
  const releases = [...newest.keys()];
  for (let at = 0; at < releases.length; at += PAGE) {
    const page = releases.slice(at, at + PAGE);
    const stored = new Map((await ledger.releasePointers(tenant, page)).map((pointer) => [pointer.release, pointer]));
    for (const release of page)
      if (stored.get(release)?.leaf !== newest.get(release)?.leaf)
        note({ code: 'ledger.pointer-differs', where: release.slice(0, 1024) });
  }
}

/** Checks that the entries lead to the root of the head, and to every root that was published on the way. */
async function compareRoots(
  deps: ReplayDeps,
  tenant: TenantId,
  { roots }: LogEvidence,
  head: LedgerHead,
  note: Note,
): Promise<void> {
  const newest = new Map<string, EntryLink>();
  let edge: readonly Uint8Array[] = [];
  let at = 0;
  const published = [...roots].filter(([size]) => size <= head.size);
  for (const [size, root] of [...published, [head.size, head.root] as const]) {
    while (at < size) {
      const entries = await entriesOf(deps, tenant, at, Math.min(PAGE, size - at));
      const leaves = entries.map(leafHash);
      for (const [offset, bytes] of entries.entries()) {
        const [release, leaf] = [tryParseEntry(bytes)?.release?.id, leaves[offset]];
        if (release !== undefined && leaf) newest.set(release, { index: at + offset, leaf: toHex(leaf) });
      }
      edge = appendToEdge(edge, at, leaves);
      at += entries.length;
    }
    const found = toHex(rootOfEdge(edge));
    if (found !== root) note({ code: 'ledger.fork', where: `${size} entries`, expected: root, found });
  }
  if (toHex(rootOfEdge(head.edge.map(fromHex))) !== head.root) note({ code: 'ledger.edge-differs' });
  await compareReleases(deps, tenant, newest, note);
}

/**
 * Checks that nothing was built on what lost: writers build on what was committed, so a segment that is not of this log
 * and was followed tells that the database was set back once and went on another way.
 */
async function compareOrphans(
  { worm }: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  head: LedgerHead,
  committed: ReadonlySet<Sha256Hex>,
  note: Note,
): Promise<void> {
  for (const named of evidence.byHash.values()) {
    if (named.firstIndex >= head.size || committed.has(named.batchHash)) continue;
    const orphan = await readSegment(worm, tenant, named);
    if (isRefusal(orphan)) continue; // Nothing of this log depends on it.
    const { batchHash } = named;
    const followers = await followersOf(worm, tenant, evidence, { size: sizeAfter(orphan), batchHash });
    if (isRefusal(followers)) note(followers);
    else if (followers.length > 0) note({ code: 'ledger.fork', where: named.name });
  }
}

/**
 * Everything in which a database contradicts write-once storage below a head of its own, at most 1,000 reasons; empty when it
 * is whole, or only older. Reads each entry twice.
 */
export async function compareLog(
  deps: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  head: LedgerHead,
  progress: (entries: number) => void,
): Promise<readonly Refusal[]> {
  const reasons: Refusal[] = [];
  const note: Note = (reason) => {
    if (reasons.length < MOST) reasons.push(reason);
  };
  const committed = await compareSegments(deps, tenant, evidence, head, note, progress);
  // Entries that are missing or others tell nothing more of the tree.
  if (reasons.length > 0) return reasons;
  await compareRoots(deps, tenant, evidence, head, note);
  await compareOrphans(deps, tenant, evidence, head, committed, note);
  return reasons;
}
