import type { Sha256Hex, TenantId } from '../../events/fields.ts';

/** Who may change what a target runs: one promotion at a time. Rows have no expiry. Failures are `StoreUnavailable`. */
export interface TargetLocks {
  /** Takes the lock for `holder` (the business key of a promotion) if it is free; gives who holds it now. MUST be durable. */
  acquire(tenant: TenantId, target: string, holder: Sha256Hex): Promise<Sha256Hex>;
  /** Frees the lock if `holder` holds it; else changes nothing. */
  release(tenant: TenantId, target: string, holder: Sha256Hex): Promise<void>;
}
