import type { TenantId } from '../../events/fields.ts';
import type { LedgerHead } from './ledger-store.ts';

/** How far the audit of one log has come, and what it found. */
export interface AuditState {
  /** Entries below this head were audited since they were written. */
  readonly newest: LedgerHead;
  /** Where the audit of older entries is: it goes round and round below `newest`. */
  readonly rotating: LedgerHead;
  /** The last name that was looked at in write-once storage; '' before the first. */
  readonly looked: string;
  /** When an audit came to its end last: milliseconds since 1970; 0: never. */
  readonly endedAt: number;
  /** The run that audits, or did last. */
  readonly run: {
    readonly name: string;
    /** Stretches it has audited. */
    readonly rounds: number;
    /** `newest` when it began: the entries below are the older ones. */
    readonly before: LedgerHead;
    /** Where among them it began, as a size. */
    readonly began: number;
    /** Whether it has gone on at the first entry. */
    readonly wrapped: boolean;
    /** Codes of what it found, each once. */
    readonly found: readonly string[];
    readonly ended: boolean;
  };
  /** Codes of what was found, and how often the audit has begun a new round since: a whole one without any clears it. */
  readonly standing?: { readonly codes: readonly string[]; readonly laps: number } | undefined;
}

/**
 * Cursors of audits. Not evidence: what is lost is audited again from the first entry, what is forged only moves where an
 * audit begins, and it begins where a tree of that root ends.
 */
export interface AuditStore {
  /** MUST return what was saved last. */
  load(tenant: TenantId): Promise<AuditState | undefined>;
  /** MUST be durable before it resolves; of several at once the last one stays, whose audits only repeat one another. */
  save(tenant: TenantId, state: AuditState): Promise<void>;
}
