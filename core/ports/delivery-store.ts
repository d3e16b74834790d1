import type { CanonicalEvent } from '../../events/canonical.ts';
import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { NormalisedDelivery } from '../../events/normalised.ts';

/** `received` is durable and unfinished; the other two are final. */
export type DeliveryStatus = 'received' | 'published' | 'rejected';

export interface DeliveryRow {
  /** `provider/instance/id`, unique per tenant. */
  readonly key: string;
  readonly tenant: TenantId;
  readonly provider: string;
  readonly instance: string;
  /** ULID given at receipt; callers see it. */
  readonly deliveryId: string;
  readonly receivedAt: string;
  readonly bodySha256: Sha256Hex;
  /** Name in the erasable store, absent where nothing was kept. */
  readonly raw?: string;
  readonly auth: { readonly scheme: string; readonly keyId: string };
  readonly normalised: NormalisedDelivery;
  readonly status: DeliveryStatus;
  readonly attempts: number;
  /** When the publisher looks at it next, epoch ms. */
  readonly dueAt: number;
  /** The events as published, written with `published`: what a starter loads by event id. */
  readonly events: readonly CanonicalEvent[];
  /** Why the newest attempt failed or why it was rejected: a coded reason, never a body. */
  readonly lastError?: string;
}

/**
 * Accepted deliveries. Trusted for "accepted means done at least once"; not for history, which the ledger holds.
 */
export interface DeliveryStore {
  /**
   * MUST be durable before it resolves. The first caller of a key gets `claimed: true`; every later one the stored row,
   * unchanged (a repeat is answered as it was before).
   */
  claim(row: DeliveryRow): Promise<{ claimed: true } | { claimed: false; row: DeliveryRow }>;
  get(tenant: TenantId, key: string): Promise<DeliveryRow | undefined>;
  /** The row that holds an event of this id; a consistent read. */
  byEvent(tenant: TenantId, eventId: string): Promise<DeliveryRow | undefined>;
  /** Replaces the row if its `status` and `attempts` are still those of `expected`; else throws `LedgerConflict`. */
  replace(row: DeliveryRow, expected: Pick<DeliveryRow, 'status' | 'attempts'>): Promise<void>;
  /** `received` rows with `dueAt <= now`, oldest first, of all tenants. */
  due(now: number, limit: number): Promise<DeliveryRow[]>;
}
