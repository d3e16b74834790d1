import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import type { AuditStore } from '../ports/audit-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import { runNameOf } from './run-input.ts';

export interface StartAuditDeps {
  readonly ledger: Pick<LedgerStore, 'published'>;
  readonly audits: Pick<AuditStore, 'load'>;
  readonly workflows: Pick<Workflows, 'start'>;
  readonly clock: Pick<Clock, 'now'>;
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** What the audit of one day is called by. */
export const auditKeyOf = (tenant: TenantId, nowMs: number): Sha256Hex =>
  sha256Hex(canonicalJson({ tenant, type: 'audit', day: dayOf(nowMs) }));

/** Starts `audit` for a log that has a checkpoint, once in a day of UTC however often it is asked for. */
export async function startAudit(
  { ledger, audits, workflows, clock }: StartAuditDeps,
  tenant: TenantId,
): Promise<'started' | 'exists' | 'nothing'> {
  const now = clock.now();
  const before = await audits.load(tenant);
  if (dayOf(before?.endedAt ?? 0) === dayOf(now)) return 'nothing';
  if (!before && !(await ledger.published(tenant))) return 'nothing';
  const businessKey = auditKeyOf(tenant, now);
  return workflows.start('audit', runNameOf('audit', businessKey, 0), { tenant, businessKey });
}
