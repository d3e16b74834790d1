import type { OciDigest, TenantId } from '../../events/fields.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Ids } from '../ports/ids.ts';
import type { Workflows } from '../ports/workflows.ts';
import { businessKeyOf, type PromotionSubject, RunInput, runNameOf } from '../runs/run-input.ts';
import type { Environments } from './plan.ts';

export interface RequestPromotionDeps {
  readonly claims: Pick<ClaimStore, 'claim'>;
  readonly workflows: Pick<Workflows, 'start'>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly environments: Environments;
}

export interface PromotionRequest {
  readonly host: string;
  readonly repository: string;
  readonly digest: OciDigest;
  readonly environment: string;
}

export type RequestOutcome =
  | { readonly kind: 'started' | 'known'; readonly runName: string }
  | {
      readonly kind: 'refused';
      readonly code:
        | 'promotion.environment-unknown'
        | 'promotion.repository-not-allowed'
        | 'promotion.too-many-attempts';
    };

/** More attempts of one digest at one environment are no promotions but a loop. */
const MOST_ATTEMPTS = 1000;

/**
 * Starts the promotion of a digest to an environment; `known` while one is under way. A request that died between claim
 * and start is made good by the sweep, or by asking again.
 */
export async function requestPromotion(
  deps: RequestPromotionDeps,
  tenant: TenantId,
  request: PromotionRequest,
  actor: { readonly id: string; readonly authenticated: string },
): Promise<RequestOutcome> {
  const environment = deps.environments(tenant, request.environment);
  if (!environment) return { kind: 'refused', code: 'promotion.environment-unknown' };
  if (!environment.repositories.some(({ host, name }) => host === request.host && name === request.repository))
    return { kind: 'refused', code: 'promotion.repository-not-allowed' };
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt += 1) {
    const row = claimRowOf(deps, tenant, { kind: 'promotion', ...request, attempt }, actor);
    const claimed = await deps.claims.claim(row);
    if (!claimed.claimed && claimed.row.status !== 'running') continue;
    const { runName, input } = claimed.claimed ? row : claimed.row;
    const started = await deps.workflows.start('promotion', runName, input);
    return { kind: started === 'started' ? 'started' : 'known', runName };
  }
  return { kind: 'refused', code: 'promotion.too-many-attempts' };
}

function claimRowOf(
  { clock, ids }: RequestPromotionDeps,
  tenant: TenantId,
  subject: PromotionSubject,
  actor: ClaimRow['actor'] & object,
): ClaimRow {
  const businessKey = businessKeyOf(tenant, subject);
  return {
    tenant,
    businessKey,
    machine: 'promotion',
    runName: runNameOf('promotion', businessKey, 0),
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: new Date(clock.now()).toISOString(),
    eventId: `request-${ids.ulid()}`,
    actor,
    input: RunInput.parse({ schema: 'relseal.run/1', tenant, businessKey, subject }),
  };
}
