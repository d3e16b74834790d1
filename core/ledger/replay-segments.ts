import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { LedgerBatch, LedgerHead, LedgerStore, ReleasePointer } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { fromBase64 } from '../tlog/checkpoint.ts';
import { leafHash } from '../tlog/merkle.ts';
import type { Refusal } from '../verdict.ts';
import { tryParseEntry } from './entry.ts';
import { toHex } from './hex.ts';
import { changed, followersOf, isRefusal, type KeptSegment, type LogEvidence, sizeAfter } from './log-evidence.ts';
import { segmentOf } from './segment.ts';

/** The order of a log made again from its segments alone, which name one another; the database is an index of them. */

export interface ReplayDeps {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
}

/** One commit as it was. */
interface Commit {
  readonly batch: LedgerBatch;
  readonly next: LedgerHead;
}

const entriesOf = ({ entries }: KeptSegment) => entries.map((text) => fromBase64(text) ?? new Uint8Array());

/**
 * The one of several segments that was committed: what was published, or built on, or what a caller was answered. Only of
 * the last one it may be that storage cannot tell.
 */
async function committedOf(
  { worm }: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  candidates: readonly KeptSegment[],
  receipt: Sha256Hex | undefined,
): Promise<KeptSegment | Refusal> {
  const proved: KeptSegment[] = [];
  for (const candidate of candidates) {
    const size = sizeAfter(candidate);
    const followers = await followersOf(worm, tenant, evidence, { size, batchHash: candidate.batchHash });
    if (isRefusal(followers)) return followers;
    if (followers.length > 0 || evidence.roots.get(size) === candidate.rootAfter) proved.push(candidate);
  }
  const answered = candidates.filter((each) => entriesOf(each).some((entry) => toHex(leafHash(entry)) === receipt));
  const [committed, ...others] = proved.length > 0 ? proved : answered;
  const names = candidates.map(({ name }) => name).join(' ');
  if (!committed) return { code: 'ledger.contested', where: names.slice(0, 1024) };
  return others.length > 0 ? { code: 'ledger.fork', where: names.slice(0, 1024) } : committed;
}

function batchOf(segment: KeptSegment): LedgerBatch | Refusal {
  const { name, firstIndex, previousBatchHash, batchHash } = segment;
  const entries = entriesOf(segment);
  const releases = new Map<string, ReleasePointer>();
  const leaves = entries.map((bytes) => toHex(leafHash(bytes)));
  for (const [at, bytes] of entries.entries()) {
    const entry = tryParseEntry(bytes);
    if (!entry) return changed(name, `no entry at ${at}`);
    const [release, leaf] = [entry.release?.id, leaves[at]];
    if (release !== undefined && leaf !== undefined) releases.set(release, { release, index: firstIndex + at, leaf });
  }
  const keys = segment.keys.flatMap(({ key, requestHash }, at) => {
    const leaf = leaves[at];
    return leaf === undefined ? [] : [{ key, requestHash, index: firstIndex + at, leaf }];
  });
  if (keys.length !== entries.length || segment.keys.length !== entries.length)
    return changed(name, 'not one key for each entry');
  return { firstIndex, entries, segment: name, previousBatchHash, batchHash, keys, releases: [...releases.values()] };
}

/** The commit that a segment was made for: whatever does not lead to its root and bytes again is not what was committed. */
function commitOf(tenant: TenantId, head: LedgerHead, segment: KeptSegment): Commit | Refusal {
  const batch = batchOf(segment);
  if (isRefusal(batch)) return batch;
  const { batchHash, next } = segmentOf(tenant, head, batch.entries, batch.keys);
  if (batchHash !== segment.batchHash || next.root !== segment.rootAfter)
    return changed(segment.name, 'something else than its entries make');
  return { batch, next };
}

async function commitAfter(
  deps: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  head: LedgerHead,
  receipt: Sha256Hex | undefined,
): Promise<Commit | Refusal | undefined> {
  const candidates = await followersOf(deps.worm, tenant, evidence, head);
  if (isRefusal(candidates)) return candidates;
  const [only, ...others] = candidates;
  if (!only) return undefined;
  const committed = others.length > 0 ? await committedOf(deps, tenant, evidence, candidates, receipt) : only;
  if (isRefusal(committed)) return committed;
  const published = evidence.roots.get(sizeAfter(committed));
  if (published !== undefined && published !== committed.rootAfter)
    return { code: 'ledger.fork', where: committed.name, expected: published, found: committed.rootAfter };
  return commitOf(tenant, head, committed);
}

/** Every published size lies where a segment ends: another one was reached on another way, or its segments are gone. */
function unreached(evidence: LogEvidence, from: number, ends: ReadonlySet<number>, end: number): Refusal[] {
  const size = [...evidence.roots.keys()].find((published) => published > from && !ends.has(published));
  if (size === undefined) return [];
  const code = size > end ? 'ledger.truncated' : 'ledger.fork';
  return [{ code, where: `the checkpoint of ${size} entries`, found: `segments of ${end}` }];
}

export interface Replay {
  /** How many entries the log has once everything is taken. */
  readonly size: number;
  /** Empty: segments lead from the head to everything that was published. */
  readonly reasons: readonly Refusal[];
}

/**
 * Follows the segments from a head on, in order, and gives each commit to `take` with the head that it was made on. It
 * may be stopped and begun again at any point; a `receipt`, the leaf hash of an acknowledged entry, settles a last segment
 * that nothing else does.
 */
export async function replaySegments(
  deps: ReplayDeps,
  tenant: TenantId,
  evidence: LogEvidence,
  from: LedgerHead,
  receipt: Sha256Hex | undefined,
  take: (commit: Commit, expected: LedgerHead) => Promise<void>,
): Promise<Replay> {
  const ends = new Set<number>();
  for (let head = from; ; ) {
    const commit = await commitAfter(deps, tenant, evidence, head, receipt);
    if (commit && isRefusal(commit)) return { size: head.size, reasons: [commit] };
    if (!commit) return { size: head.size, reasons: unreached(evidence, from.size, ends, head.size) };
    await take(commit, head);
    head = commit.next;
    ends.add(head.size);
  }
}
