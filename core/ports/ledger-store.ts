import type { Sha256Hex, TenantId } from '../../events/fields.ts';

/** The committed end of one tenant's log. Hashes are lower-case hex. An empty log has size 0, no edge, `batchHash` ''. */
export interface LedgerHead {
  readonly size: number;
  /** RFC 6962 root over `size` leaves. */
  readonly root: Sha256Hex;
  /** Roots of the perfect subtrees of the tree, left to right: all that is needed to append. */
  readonly edge: readonly Sha256Hex[];
  /** Hash of the newest batch, which names the one before it. */
  readonly batchHash: Sha256Hex | '';
}

/** What an idempotency key led to. `requestHash` decides whether a repeat is the same request. */
export interface StoredKey {
  readonly key: Sha256Hex;
  readonly index: number;
  readonly leaf: Sha256Hex;
  readonly requestHash: Sha256Hex;
}

/** The newest entry of one release in this log. */
export interface ReleasePointer {
  readonly release: string;
  readonly index: number;
  readonly leaf: Sha256Hex;
}

/** Consecutive entries that are committed together or not at all. */
export interface LedgerBatch {
  readonly firstIndex: number;
  /** Canonical bytes of each entry, in order; each at most 16,384 bytes. */
  readonly entries: readonly Uint8Array[];
  /** Name of the write-once segment that already holds these entries. */
  readonly segment: string;
  readonly previousBatchHash: Sha256Hex | '';
  readonly batchHash: Sha256Hex;
  /** One for each entry. */
  readonly keys: readonly StoredKey[];
  /** The new newest entry of each release touched. keys + releases is at most the store's `batchWeight`. */
  readonly releases: readonly ReleasePointer[];
}

/** The newest checkpoint that was signed and saved. */
export interface PublishedCheckpoint {
  readonly size: number;
  readonly root: Sha256Hex;
  /** The whole signed note. */
  readonly note: string;
}

/**
 * The order of entries, one log per tenant. Trusted: whoever can write here can fork a log (checkpoints, segments and
 * witnesses catch it). All reads MUST see every commit that resolved before them.
 */
export interface LedgerStore {
  /** Most that the keys and the releases of one commit may add up to. */
  readonly batchWeight: number;
  head(tenant: TenantId): Promise<LedgerHead>;
  /**
   * MUST store head, batch, keys and release pointers in one step, durable before it resolves. MUST throw
   * `LedgerConflict`, changing nothing, when the stored head is not `expected` or one of the keys exists. After any
   * other failure (`StoreUnavailable`) the batch may or may not be stored: read head and keys before trying again.
   */
  commit(tenant: TenantId, batch: LedgerBatch, next: LedgerHead, expected: LedgerHead): Promise<void>;
  /** The keys that exist, in no order. */
  storedKeys(tenant: TenantId, keys: readonly Sha256Hex[]): Promise<StoredKey[]>;
  releasePointers(tenant: TenantId, releases: readonly string[]): Promise<ReleasePointer[]>;
  /** Entries `[from, from + count)`, cut at the head. */
  entries(tenant: TenantId, from: number, count: number): Promise<Uint8Array[]>;
  published(tenant: TenantId): Promise<PublishedCheckpoint | undefined>;
  /** Replaces the published checkpoint if its size is still `expectedSize` (0: none); else throws `LedgerConflict`. */
  savePublished(tenant: TenantId, checkpoint: PublishedCheckpoint, expectedSize: number): Promise<void>;
  /** Tenants whose log holds at least one entry. */
  tenants(): Promise<TenantId[]>;
}
