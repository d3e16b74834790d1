import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { isFault } from '../faults.ts';
import type { BatchRow, LedgerHead, StoredKey } from '../ports/ledger-store.ts';
import { fromBase64 } from '../tlog/checkpoint.ts';
import { appendToEdge, leafHash, rootOfEdge, sameBytes } from '../tlog/merkle.ts';
import type { VerifierKey } from '../tlog/note.ts';
import { anchorChecker } from './audit-anchors.ts';
import { type AuditedBatch, type AuditedLog, checkVersions, type NoteFinding, rangeOf } from './audit-finding.ts';
import { tileChecker } from './audit-tiles.ts';
import { fromHex, toHex } from './hex.ts';
import { isRefusal, type KeptSegment, readSegment } from './log-evidence.ts';
import { segmentOf } from './segment.ts';

type Keys = readonly Pick<StoredKey, 'key' | 'requestHash'>[];
type SegmentBatch = AuditedBatch & { readonly name: string; readonly keys: Keys };

const nameOf = (tenant: TenantId, size: number, batchHash: Sha256Hex) => `t/${tenant}/seg/${size}-${batchHash}`;

/** What an intact segment makes of a head; `undefined` when it was made for another one. */
function continuation(tenant: TenantId, head: LedgerHead, segment: KeptSegment): SegmentBatch | undefined {
  const entries = segment.entries.map((text) => fromBase64(text) ?? new Uint8Array());
  const { name, next } = segmentOf(tenant, head, entries, segment.keys);
  return name === segment.name ? { name, entries, leaves: entries.map(leafHash), next, keys: segment.keys } : undefined;
}

/** The batch that a row of the database names, read from its segment. */
async function namedBatch(
  log: AuditedLog,
  tenant: TenantId,
  head: LedgerHead,
  { firstIndex, segment: name, batchHash, previousBatchHash }: BatchRow,
  note: NoteFinding,
): Promise<SegmentBatch | undefined> {
  const isOurs = name === nameOf(tenant, firstIndex, batchHash) && previousBatchHash === head.batchHash;
  if (!isOurs) {
    note('ledger.batch-differs', rangeOf('batch', firstIndex, firstIndex + 1));
    return undefined;
  }
  const isHidden = await checkVersions(log, name, note);
  const segment = await readSegment(log.worm, tenant, { name, firstIndex, batchHash });
  const isMissing = isRefusal(segment) && segment.code === 'ledger.segment-missing';
  const batch = isRefusal(segment) ? undefined : continuation(tenant, head, segment);
  if (isMissing && !isHidden) note('ledger.segment-missing', name);
  else if (!isMissing && !batch) note('ledger.segment-changed', name);
  return batch;
}

/** Whether the database has the keys of a batch where the batch is. */
async function hasKeys({ ledger }: AuditedLog, tenant: TenantId, first: number, batch: SegmentBatch): Promise<boolean> {
  const rows = await ledger.storedKeys(
    tenant,
    batch.keys.map(({ key }) => key),
  );
  const stored = new Map(rows.map((row) => [row.key, row]));
  return batch.keys.every(({ key, requestHash }, at) => {
    const [row, leaf] = [stored.get(key), batch.leaves[at]];
    return row?.index === first + at && row.requestHash === requestHash && leaf && row.leaf === toHex(leaf);
  });
}

/** The segment that follows a head where no row tells: of writers who raced for it, the one whose keys are stored. */
async function foundBatch(log: AuditedLog, tenant: TenantId, head: LedgerHead): Promise<SegmentBatch | undefined> {
  const prefix = `t/${tenant}/seg/${head.size}-`;
  const found: SegmentBatch[] = [];
  for await (const name of log.worm.list(prefix)) {
    const batchHash = Sha256Hex.safeParse(name.slice(prefix.length));
    if (!batchHash.success) continue;
    const segment = await readSegment(log.worm, tenant, { name, firstIndex: head.size, batchHash: batchHash.data });
    const batch = isRefusal(segment) ? undefined : continuation(tenant, head, segment);
    if (batch) found.push(batch);
  }
  for (const batch of found) if (await hasKeys(log, tenant, head.size, batch)) return batch;
  return found[0];
}

/** Entries that the database has from `from` on, fewer where it has no more. */
async function storedEntries({ ledger }: AuditedLog, tenant: TenantId, from: number, count: number) {
  const entries: Uint8Array[] = [];
  try {
    while (entries.length < count) {
      const more = await ledger.entries(tenant, from + entries.length, count - entries.length);
      if (more.length === 0) break;
      entries.push(...more);
    }
  } catch (error) {
    // A row that names a segment which is gone or another: it holds nothing.
    if (!isFault(error, 'LedgerInconsistent')) throw error;
  }
  return entries;
}

/** Goes on behind a batch whose segment is gone, by what the database has of it and what the next batch says. */
async function skippedBatch(log: AuditedLog, tenant: TenantId, head: LedgerHead): Promise<AuditedBatch | undefined> {
  const [after] = await log.ledger.batches(tenant, head.size + 1, 1);
  if (!after) return undefined;
  const entries = await storedEntries(log, tenant, head.size, after.firstIndex - head.size);
  if (head.size + entries.length < after.firstIndex) return undefined;
  const leaves = entries.map(leafHash);
  const edge = appendToEdge(head.edge.map(fromHex), head.size, leaves);
  const root = toHex(rootOfEdge(edge));
  const next = { size: after.firstIndex, root, edge: edge.map(toHex), batchHash: after.previousBatchHash };
  return { entries, leaves, next };
}

/** Compares what the database holds of a batch with its segment. */
async function checkRows(log: AuditedLog, tenant: TenantId, first: number, batch: SegmentBatch, note: NoteFinding) {
  const { entries, name } = batch;
  const end = first + entries.length;
  const stored = await storedEntries(log, tenant, first, entries.length);
  const differing = entries.flatMap((bytes, at) => {
    const row = stored[at];
    return row && sameBytes(row, bytes) ? [] : [at];
  });
  const [one, last] = [differing[0], differing.at(-1)];
  if (one !== undefined && last !== undefined)
    note('ledger.entry-differs', rangeOf(name, first + one, first + last + 1));
  if (!(await hasKeys(log, tenant, first, batch))) note('ledger.key-differs', rangeOf(name, first, end));
}

async function auditedBatch(
  log: AuditedLog,
  tenant: TenantId,
  head: LedgerHead,
  note: NoteFinding,
): Promise<AuditedBatch | undefined> {
  const [row] = await log.ledger.batches(tenant, head.size, 1);
  const isThere = row?.firstIndex === head.size;
  if (!isThere) note('ledger.batch-missing', rangeOf('batch', head.size, head.size + 1));
  const batch = isThere ? await namedBatch(log, tenant, head, row, note) : undefined;
  if (!batch) return (await foundBatch(log, tenant, head)) ?? skippedBatch(log, tenant, head);
  await checkRows(log, tenant, head.size, batch, note);
  return batch;
}

export interface StretchOf {
  readonly from: LedgerHead;
  /** Where the stretch ends at the latest; a batch ends there. */
  readonly end: number;
  /** Entries after which it ends with the batch under way. */
  readonly most: number;
  /** The size up to which full tiles are kept. */
  readonly published: number;
  readonly key: VerifierKey;
}

export interface AuditedStretch {
  readonly head: LedgerHead;
  /** Nothing is left that leads on from the head, which comes before the end. */
  readonly isCut: boolean;
}

/**
 * Walks over batches that follow a head and compares all that is kept of them: rows, segments, the tiles and bundles that
 * they fill, the anchors among them. Holds one batch and some tiles at a time.
 */
export async function auditStretch(
  log: AuditedLog,
  tenant: TenantId,
  { from, end, most, published, key }: StretchOf,
  note: NoteFinding,
): Promise<AuditedStretch> {
  const stop = Math.min(end, from.size + most);
  const checkTiles = tileChecker(log, tenant, published, note);
  const checkAnchors = anchorChecker(log, tenant, from.size, key, note);
  let head = from;
  while (head.size < stop) {
    const batch = await auditedBatch(log, tenant, head, note);
    if (!batch) return { head, isCut: true };
    await checkTiles(head.size, batch);
    await checkAnchors(head, batch);
    head = batch.next;
  }
  return { head, isCut: false };
}
