import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { WitnessState } from '../ledger/published.ts';

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

/** How a batch was committed, less what it holds. */
export type BatchRow = Pick<LedgerBatch, 'firstIndex' | 'segment' | 'previousBatchHash' | 'batchHash'>;

/** A tree head with the note that says so. */
export interface SignedCheckpoint {
  readonly size: number;
  readonly root: Sha256Hex;
  /** The whole signed note. */
  readonly note: string;
}

/** The newest checkpoint that was signed and saved, and what became of it and of those before. */
export interface PublishedCheckpoint extends SignedCheckpoint {
  /** The newest copy of a checkpoint in write-once storage, and when it was made (ms since 1970); absent: there is none. */
  readonly anchored?: { readonly size: number; readonly at: number } | undefined;
  /** Entries that came back from segments when the database was older: witnesses may know of more than is published here. */
  readonly rebuilt?: number | undefined;
  /** Of each witness that is asked, by its verifier key; absent: nobody is, and this checkpoint itself is shown. */
  readonly witnesses?: Readonly<Record<string, WitnessState>> | undefined;
  /**
   * What is shown where witnesses are asked: the newest that enough of them cosigned, with their lines, or what was shown
   * before any was asked; absent: nothing yet.
   */
  readonly served?: SignedCheckpoint | undefined;
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
  /** Batches whose first index is `from` or above, in their order, at most `limit`. */
  batches(tenant: TenantId, from: number, limit: number): Promise<BatchRow[]>;
  published(tenant: TenantId): Promise<PublishedCheckpoint | undefined>;
  /**
   * Replaces the published checkpoint if its size is still `expectedSize` (0: none) and readers were not shown more than
   * the new one shows them (`shownSize`); else MUST throw `LedgerConflict` and change nothing.
   */
  savePublished(tenant: TenantId, checkpoint: PublishedCheckpoint, expectedSize: number): Promise<void>;
  /** Tenants whose log holds at least one entry. */
  tenants(): Promise<TenantId[]>;
}
