import type { Sha256Hex, TenantId } from '../../events/fields.ts';

/** What a task token is waited with: an approval that someone must give, or the verdict on one stage. */
export type WaitKind = 'approval' | 'stage';

/** One wait of one run. Its token never leaves the server. */
export interface WaitRow {
  readonly tenant: TenantId;
  readonly businessKey: Sha256Hex;
  readonly kind: WaitKind;
  /** Number of the stage; 0 for an approval. */
  readonly ordinal: number;
  readonly machine: string;
  readonly runName: string;
  readonly token: string;
  /** Counts replacements, from 0. */
  readonly version: number;
  /** False once the token was answered or nobody waits any more. */
  readonly open: boolean;
  /** The capability's own, JSON; parsed by whoever reads it. */
  readonly state: unknown;
}

export type WaitKey = Pick<WaitRow, 'tenant' | 'businessKey' | 'kind' | 'ordinal'>;

/** Waits by what is waited for, one at a time for each key. Rows have no expiry. Failures are `StoreUnavailable`. */
export interface WaitStore {
  /**
   * MUST be durable before it resolves: the answer may come at once. Stores the row (version 0) if there is none of its
   * key and says so; else gives the stored one, unchanged.
   */
  open(row: WaitRow): Promise<{ opened: true } | { opened: false; row: WaitRow }>;
  get(key: WaitKey): Promise<WaitRow | undefined>;
  /** Replaces the row of version `row.version - 1`; throws `LedgerConflict`, changing nothing, when it has another. */
  replace(row: WaitRow): Promise<void>;
  /** Open waits of a kind, of one tenant; a wait that was opened before the call is among them. */
  listOpen(tenant: TenantId, kind: WaitKind, limit: number): Promise<WaitRow[]>;
}
