import { Fault } from '../../core/faults.ts';
import { shownSize } from '../../core/ledger/published.ts';
import { EMPTY_HEAD } from '../../core/ledger/segment.ts';
import type {
  BatchRow,
  LedgerHead,
  LedgerStore,
  PublishedCheckpoint,
  ReleasePointer,
  StoredKey,
} from '../../core/ports/ledger-store.ts';
import type { TenantId } from '../../events/fields.ts';

interface Log {
  head: LedgerHead;
  readonly entries: Uint8Array[];
  readonly batches: BatchRow[];
  readonly keys: Map<string, StoredKey>;
  readonly releases: Map<string, ReleasePointer>;
  published?: PublishedCheckpoint;
}

/** As small as that of any store. */
const BATCH_WEIGHT = 98;

/** The ledger in memory, with the promises of its port. */
export function memoryLedgerStore(): LedgerStore {
  const logs = new Map<TenantId, Log>();
  const logOf = (tenant: TenantId): Log => {
    const log = logs.get(tenant) ?? {
      head: EMPTY_HEAD(),
      entries: [],
      batches: [],
      keys: new Map(),
      releases: new Map(),
    };
    logs.set(tenant, log);
    return log;
  };
  const present = <T>(values: readonly (T | undefined)[]): T[] => values.filter((value) => value !== undefined);
  return {
    batchWeight: BATCH_WEIGHT,
    head: async (tenant) => logOf(tenant).head,
    commit: async (tenant, batch, next, expected) => {
      const log = logOf(tenant);
      if (JSON.stringify(log.head) !== JSON.stringify(expected) || batch.keys.some(({ key }) => log.keys.has(key)))
        throw new Fault('LedgerConflict', 'the head has moved');
      log.head = next;
      log.entries.push(...batch.entries.map((entry) => entry.slice()));
      log.batches.push(batch);
      for (const row of batch.keys) log.keys.set(row.key, row);
      for (const pointer of batch.releases) log.releases.set(pointer.release, pointer);
    },
    storedKeys: async (tenant, keys) => present([...new Set(keys)].map((key) => logOf(tenant).keys.get(key))),
    releasePointers: async (tenant, releases) =>
      present([...new Set(releases)].map((release) => logOf(tenant).releases.get(release))),
    entries: async (tenant, from, count) => logOf(tenant).entries.slice(from, from + count),
    batches: async (tenant, from, limit) =>
      logOf(tenant)
        .batches.filter(({ firstIndex }) => firstIndex >= from)
        .slice(0, limit)
        .map(({ firstIndex, segment, previousBatchHash, batchHash }) => ({
          ...{ firstIndex, segment, previousBatchHash, batchHash },
        })),
    published: async (tenant) => logOf(tenant).published,
    savePublished: async (tenant, checkpoint, expectedSize) => {
      const log = logOf(tenant);
      if ((log.published?.size ?? 0) !== expectedSize || shownSize(log.published) > shownSize(checkpoint))
        throw new Fault('LedgerConflict', 'another checkpoint was first');
      log.published = checkpoint;
    },
    tenants: async () => [...logs].filter(([, { head }]) => head.size > 0).map(([tenant]) => tenant),
  };
}
