import type { Sha256Hex, TenantId } from '../../events/fields.ts';

/** `running` until the outcome is recorded from outside; `failed` waits for an operator's replay. */
export type ClaimStatus = 'running' | 'passed' | 'refused' | 'failed';

/** One claim per business key and machine. Claim rows have no expiry. */
export interface ClaimRow {
  readonly tenant: TenantId;
  readonly businessKey: Sha256Hex;
  readonly machine: string;
  /** The newest run; `-r<n>` is appended from the first replay on. */
  readonly runName: string;
  readonly replay: number;
  /** How often the newest run was asked to go on from where it failed. */
  readonly redrives: number;
  readonly status: ClaimStatus;
  readonly claimedAt: string;
  /** Event that started the first run. */
  readonly eventId: string;
  readonly traceparent?: string;
  /** Pseudonym of the actor and how the delivery was authenticated. */
  readonly actor?: { readonly id: string; readonly authenticated: string };
  /** Input of the run, as started. */
  readonly input: unknown;
  readonly error?: string;
  readonly cause?: string;
}

export interface ClaimStore {
  /** Stores the row if there is none for (tenant, businessKey, machine) and says so; else returns the stored one. */
  claim(row: ClaimRow): Promise<{ claimed: true } | { claimed: false; row: ClaimRow }>;
  get(tenant: TenantId, businessKey: Sha256Hex, machine: string): Promise<ClaimRow | undefined>;
  byRun(runName: string): Promise<ClaimRow | undefined>;
  /** Replaces the row if `status`, `replay` and `redrives` are still those of `expected`; else throws `LedgerConflict`. */
  replace(row: ClaimRow, expected: Pick<ClaimRow, 'status' | 'replay' | 'redrives'>): Promise<void>;
  list(tenant: TenantId, filter: { status?: ClaimStatus; limit: number }): Promise<ClaimRow[]>;
}
