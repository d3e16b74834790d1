import type * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import { type AnswerApprovalDeps, type ApprovalOutcome, answerApproval } from '../promotion/approval.ts';
import { type RequestOutcome, type RequestPromotionDeps, requestPromotion } from '../promotion/request-promotion.ts';
import { type ReplayOutcome, replayRun } from '../runs/replay.ts';
import { type StopOutcome, type StopRunDeps, stopRun } from '../runs/stop.ts';
import type { TakeUpDeps } from '../runs/take-up.ts';
import { ApprovalAsk, PromotionAsk, ReplayAsk, StopAsk } from './asks.ts';

/** Whoever asks, as the ledger names them. */
export interface Person {
  readonly id: string;
  readonly authenticated: string;
}

export type DeskDeps = RequestPromotionDeps &
  AnswerApprovalDeps &
  StopRunDeps &
  TakeUpDeps & {
    readonly tenants: readonly TenantId[];
    /** The asking person's pseudonym, under the key of the tenant that it is about. */
    personOf(tenant: TenantId): Promise<Person>;
  };

type Refused<Code extends string> = { readonly kind: 'refused'; readonly code: Code };

async function promote(
  deps: DeskDeps,
  { tenant: named, ...request }: PromotionAsk,
): Promise<RequestOutcome | Refused<'tenant.unknown'>> {
  const [only, ...others] = deps.tenants;
  const tenant = named ?? (others.length === 0 ? only : undefined);
  if (tenant === undefined || !deps.tenants.includes(tenant)) return { kind: 'refused', code: 'tenant.unknown' };
  return requestPromotion(deps, tenant, request, await deps.personOf(tenant));
}

async function approve(deps: DeskDeps, { run, ...decision }: ApprovalAsk): Promise<ApprovalOutcome> {
  const claim = await deps.claims.byRun(run);
  if (!claim) return { kind: 'refused', code: 'approval.unknown-run' };
  return answerApproval(deps, run, decision, await deps.personOf(claim.tenant));
}

async function stop(deps: DeskDeps, { run }: StopAsk): Promise<StopOutcome> {
  const claim = await deps.claims.byRun(run);
  if (!claim) return { kind: 'refused', code: 'run.unknown' };
  return stopRun(deps, run, await deps.personOf(claim.tenant));
}

async function replay(
  deps: DeskDeps,
  { run, ...how }: ReplayAsk,
): Promise<ReplayOutcome | (Refused<'replay.unknown'> & Pick<ClaimRow, 'runName'>)> {
  const claim = await deps.claims.byRun(run);
  if (!claim) return { kind: 'refused', code: 'replay.unknown', runName: run };
  return replayRun(deps, run, { ...how, actor: await deps.personOf(claim.tenant) });
}

const asked =
  <T>(schema: z.ZodType<T>, act: (deps: DeskDeps, ask: T) => Promise<object>) =>
  async (deps: DeskDeps, body: unknown): Promise<DeskAnswer> => {
    const read = schema.safeParse(body);
    return read.success
      ? { kind: 'answered', body: await act(deps, read.data) }
      : { kind: 'unreadable', code: 'request.invalid' };
  };

/** By the name of what is asked. */
export const DESK: Readonly<Record<string, ReturnType<typeof asked>>> = {
  promotions: asked(PromotionAsk, promote),
  approvals: asked(ApprovalAsk, approve),
  stops: asked(StopAsk, stop),
  replay: asked(ReplayAsk, replay),
};

/** `answered` is also a refusal, which says why in its code. */
export type DeskAnswer =
  | { readonly kind: 'answered'; readonly body: object }
  | { readonly kind: 'unreadable'; readonly code: 'request.invalid' };

/** Answers one ask of a person: what is asked by its name, the rest by its own schema. */
export async function answerOperator(deps: DeskDeps, name: string, body: unknown): Promise<DeskAnswer> {
  const answer = Object.hasOwn(DESK, name) ? DESK[name] : undefined;
  return answer ? answer(deps, body) : { kind: 'unreadable', code: 'request.invalid' };
}
