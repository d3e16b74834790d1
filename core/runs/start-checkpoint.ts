import type { TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import { isFollowedUp } from '../ledger/published.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import { runNameOf } from './run-input.ts';

export interface StartCheckpointDeps {
  readonly ledger: Pick<LedgerStore, 'head' | 'published'>;
  readonly workflows: Pick<Workflows, 'start'>;
}

/**
 * Starts `checkpoint` for what a log has committed and not published, or published and not followed up: one run for each
 * size, however often commits are told of. `attempt` tells a later try from the first, whose run may have failed, or whose
 * witnesses were away.
 */
export async function startCheckpoint(
  { ledger, workflows }: StartCheckpointDeps,
  tenant: TenantId,
  attempt = '',
): Promise<'started' | 'exists' | 'nothing'> {
  const published = await ledger.published(tenant);
  const { size } = await ledger.head(tenant);
  if (published ? published.size === size && isFollowedUp(published) : size === 0) return 'nothing';
  const businessKey = sha256Hex(canonicalJson({ tenant, type: 'checkpoint', size, attempt }));
  return workflows.start('checkpoint', runNameOf('checkpoint', businessKey, 0), { tenant, businessKey });
}
