import * as z from 'zod';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import type { LedgerBatch } from '../ports/ledger-store.ts';
import type { Refusal } from '../verdict.ts';
import { compareLog } from './compare-log.ts';
import { parseEntry } from './entry.ts';
import { readLogEvidence } from './log-evidence.ts';
import { META_LOG } from './meta-log.ts';
import { type ReplayDeps, replaySegments } from './replay-segments.ts';

/** How a log is to be made again. */
export const RebuildAsk = z.strictObject({
  /** Compare only. */
  isCheck: z.boolean(),
  /** Leaf hash of an entry that a caller was answered: settles which of two segments was the last. */
  receipt: Sha256Hex.optional(),
});
export type RebuildAsk = z.infer<typeof RebuildAsk>;

/** Told how many entries are done in this part of the work. */
export type RebuildProgress = (tenant: TenantId, what: 'compared' | 'followed' | 'replayed', entries: number) => void;

export interface LogRebuild {
  readonly tenant: TenantId;
  /** Entries of the log, those that come back included. */
  readonly size: number;
  /** Entries that only segments had. */
  readonly replayed: number;
  /** Entries among them that say that a person was erased: an older copy knows that person again. */
  readonly erasures: readonly number[];
  readonly reasons: readonly Refusal[];
}

const erasuresIn = ({ firstIndex, entries }: LedgerBatch): number[] =>
  entries.flatMap((bytes, at) => (parseEntry(bytes).kind === 'erasure' ? [firstIndex + at] : []));

/**
 * Lets the next publisher go on where witnesses know of more than an older copy had published: all of it is back. Last, and
 * each time, so that whoever died before is refused and the next rebuild makes up for it.
 */
async function allowForWitnesses({ ledger }: ReplayDeps, tenant: TenantId, size: number): Promise<void> {
  const published = await ledger.published(tenant);
  if (published && published.size < size && (published.rebuilt ?? 0) < size)
    await ledger.savePublished(tenant, { ...published, rebuilt: size }, published.size);
}

/**
 * Brings the database of a log to what its segments and published checkpoints say, when it is lost or older. Everything
 * is decided before the first commit: a database or storage that contradicts itself is left as it is. A process that dies
 * leaves an older database, and the next one goes on from there.
 */
async function rebuildLog(
  deps: ReplayDeps,
  tenant: TenantId,
  { isCheck, receipt }: RebuildAsk,
  progress: RebuildProgress,
): Promise<LogRebuild> {
  // The head first: every segment up to it was there before it.
  const head = await deps.ledger.head(tenant);
  const evidence = await readLogEvidence(deps.worm, tenant);
  const asItIs = (reasons: readonly Refusal[]) => ({ tenant, size: head.size, replayed: 0, erasures: [], reasons });
  const compared = (entries: number) => progress(tenant, 'compared', entries);
  const contradictions = await compareLog(deps, tenant, evidence, head, compared);
  if (contradictions.length > 0) return asItIs(contradictions);
  const replay = (take: Parameters<typeof replaySegments>[5]) =>
    replaySegments(deps, tenant, evidence, head, receipt, take);
  const erasures: number[] = [];
  const { size, reasons } = await replay(async ({ batch, next }) => {
    erasures.push(...erasuresIn(batch));
    progress(tenant, 'followed', next.size - head.size);
  });
  if (reasons.length > 0) return asItIs(reasons);
  const replayed = size - head.size;
  if (isCheck && replayed > 0)
    return asItIs([{ code: 'ledger.behind', expected: `${size} entries`, found: `${head.size}` }]);
  if (!isCheck) {
    await replay(async ({ batch, next }, expected) => {
      await deps.ledger.commit(tenant, batch, next, expected);
      progress(tenant, 'replayed', next.size - head.size);
    });
    await allowForWitnesses(deps, tenant, size);
  }
  return { tenant, size, replayed, erasures: head.size === 0 ? [] : erasures, reasons: [] };
}

/**
 * All logs, one after the other: of the tenants that are configured, of those that are no more and left one, and the log of
 * logs where there is one.
 */
export async function rebuildLogs(
  deps: ReplayDeps,
  configured: readonly TenantId[],
  ask: RebuildAsk,
  progress: RebuildProgress = () => undefined,
): Promise<readonly LogRebuild[]> {
  const logs: LogRebuild[] = [];
  for (const tenant of new Set([...configured, META_LOG, ...(await deps.ledger.tenants())])) {
    const log = await rebuildLog(deps, tenant, ask, progress);
    if (configured.includes(tenant) || log.size > 0 || log.reasons.length > 0) logs.push(log);
  }
  return logs;
}
