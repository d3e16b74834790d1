import type * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { DeadLetter, DeadLetters } from '../ports/dead-letters.ts';
import type { RunHistories } from '../ports/run-history.ts';
import type { Workflows } from '../ports/workflows.ts';
import { answerErasure, type EraseDeps, type EraseOutcome, type FindOutcome } from '../privacy/erase.ts';
import type { PeopleOf } from '../privacy/person.ts';
import { type AnswerApprovalDeps, type ApprovalOutcome, answerApproval } from '../promotion/approval.ts';
import { type RequestOutcome, type RequestPromotionDeps, requestPromotion } from '../promotion/request-promotion.ts';
import type { QueryDeps } from '../query/query.ts';
import { type ReplayOutcome, replayRun } from '../runs/replay.ts';
import { type StopOutcome, type StopRunDeps, stopRun } from '../runs/stop.ts';
import type { TakeUpDeps } from '../runs/take-up.ts';
import {
  ApprovalAsk,
  ErasureAsk,
  LettersAsk,
  MOST_LISTED,
  PromotionAsk,
  RedriveAsk,
  ReplayAsk,
  RunAsk,
  RunsAsk,
  StopAsk,
} from './asks.ts';
import { type ListedRun, listRuns } from './list-runs.ts';
import { type ShownRun, showRun } from './show-run.ts';

/** Each is read by itself, and the gateway gives up after thirty seconds. */
const MOST_ENTRIES = 200;

/** Whoever asks, as the ledger names them. */
export interface Person {
  readonly id: string;
  readonly authenticated: string;
}

export type DeskDeps = RequestPromotionDeps &
  AnswerApprovalDeps &
  StopRunDeps &
  TakeUpDeps &
  EraseDeps & {
    readonly tenants: readonly TenantId[];
    /** The asking person's pseudonym, under the key of the tenant that it is about. */
    personOf(tenant: TenantId): Promise<Person>;
    /** How this tenant's people are told apart. */
    peopleOf(tenant: TenantId): Promise<PeopleOf>;
  };

export interface ReadDeps extends QueryDeps {
  readonly claims: Pick<ClaimStore, 'byRun' | 'list'>;
  readonly workflows: Pick<Workflows, 'describe'>;
  readonly histories: RunHistories;
  readonly deadLetters: DeadLetters;
  readonly tenants: readonly TenantId[];
}

type Refused<Code extends string> = { readonly kind: 'refused'; readonly code: Code };

/** The claim of a run. One of a tenant that this deployment has no more is nobody's here. */
async function claimOf(
  { claims, tenants }: { readonly claims: Pick<ClaimStore, 'byRun'>; readonly tenants: readonly TenantId[] },
  run: string,
): Promise<ClaimRow | undefined> {
  const claim = await claims.byRun(run);
  return claim && tenants.includes(claim.tenant) ? claim : undefined;
}

/** The tenant that is meant: the one named, or the only one there is. */
function tenantOf({ tenants }: DeskDeps, named: TenantId | undefined): TenantId | undefined {
  const [only, ...others] = tenants;
  const tenant = named ?? (others.length === 0 ? only : undefined);
  return tenant !== undefined && tenants.includes(tenant) ? tenant : undefined;
}

async function promote(
  deps: DeskDeps,
  { tenant: named, ...request }: PromotionAsk,
): Promise<RequestOutcome | Refused<'tenant.unknown'>> {
  const tenant = tenantOf(deps, named);
  if (tenant === undefined) return { kind: 'refused', code: 'tenant.unknown' };
  return requestPromotion(deps, tenant, request, await deps.personOf(tenant));
}

async function approve(deps: DeskDeps, { run, ...decision }: ApprovalAsk): Promise<ApprovalOutcome> {
  const claim = await claimOf(deps, run);
  if (!claim) return { kind: 'refused', code: 'approval.unknown-run' };
  return answerApproval(deps, run, decision, await deps.personOf(claim.tenant));
}

async function stop(deps: DeskDeps, { run }: StopAsk): Promise<StopOutcome> {
  const claim = await claimOf(deps, run);
  if (!claim) return { kind: 'refused', code: 'run.unknown' };
  return stopRun(deps, run, await deps.personOf(claim.tenant));
}

async function replay(
  deps: DeskDeps,
  { run, ...how }: ReplayAsk,
): Promise<ReplayOutcome | (Refused<'replay.unknown'> & Pick<ClaimRow, 'runName'>)> {
  const claim = await claimOf(deps, run);
  if (!claim) return { kind: 'refused', code: 'replay.unknown', runName: run };
  return replayRun(deps, run, { ...how, actor: await deps.personOf(claim.tenant) });
}

async function erase(
  deps: DeskDeps,
  { tenant: named, ...who }: ErasureAsk,
): Promise<EraseOutcome | FindOutcome | Refused<'tenant.unknown'>> {
  const tenant = tenantOf(deps, named);
  if (tenant === undefined) return { kind: 'refused', code: 'tenant.unknown' };
  return answerErasure(deps, await deps.peopleOf(tenant), { ...who, by: () => deps.personOf(tenant) });
}

async function runs(
  { claims, tenants }: ReadDeps,
  { tenant, ...filter }: RunsAsk,
): Promise<{ readonly kind: 'listed'; readonly runs: readonly ListedRun[] } | Refused<'tenant.unknown'>> {
  if (tenant !== undefined && !tenants.includes(tenant)) return { kind: 'refused', code: 'tenant.unknown' };
  const of = tenant === undefined ? tenants : [tenant];
  return { kind: 'listed', runs: await listRuns(claims, of, filter, MOST_LISTED) };
}

async function run(
  deps: ReadDeps,
  { run: name }: RunAsk,
): Promise<{ readonly kind: 'shown'; readonly shown: ShownRun } | Refused<'run.unknown'>> {
  const claim = await claimOf(deps, name);
  if (!claim) return { kind: 'refused', code: 'run.unknown' };
  const description = await deps.workflows.describe(claim.machine, name);
  const engine = description && { description, ...(await deps.histories.of(claim.machine, name)) };
  return { kind: 'shown', shown: await showRun(deps, name, claim, engine, MOST_ENTRIES) };
}

const letters = async (
  { deadLetters }: ReadDeps,
  { limit }: LettersAsk,
): Promise<{ readonly kind: 'listed'; readonly deadLetters: readonly DeadLetter[] }> => ({
  kind: 'listed',
  deadLetters: await deadLetters.list(limit),
});

async function redrive(
  { deadLetters }: ReadDeps,
  { id }: RedriveAsk,
): Promise<{ readonly kind: 'redriven'; readonly redriven: number } | Refused<'dead-letter.unknown'>> {
  const redriven = await deadLetters.redrive(id);
  return id !== undefined && redriven === 0
    ? { kind: 'refused', code: 'dead-letter.unknown' }
    : { kind: 'redriven', redriven };
}

/** What may be asked, by its name. */
type Asks<Deps> = Readonly<Record<string, (deps: Deps, body: unknown) => Promise<DeskAnswer>>>;

const asked =
  <Deps, T>(schema: z.ZodType<T>, act: (deps: Deps, ask: T) => Promise<object>): Asks<Deps>[string] =>
  async (deps, body) => {
    const read = schema.safeParse(body);
    return read.success
      ? { kind: 'answered', body: await act(deps, read.data) }
      : { kind: 'unreadable', code: 'request.invalid' };
  };

/** What a person has done. */
export const ACTS: Asks<DeskDeps> = {
  promotions: asked(PromotionAsk, promote),
  approvals: asked(ApprovalAsk, approve),
  stops: asked(StopAsk, stop),
  replay: asked(ReplayAsk, replay),
  erasures: asked(ErasureAsk, erase),
};

/** All that a deployment answers. A data folder is read without its server, which answers the acts alone. */
export const DESK: Asks<DeskDeps & ReadDeps> = {
  ...ACTS,
  runs: asked(RunsAsk, runs),
  run: asked(RunAsk, run),
  'dead-letters': asked(LettersAsk, letters),
  redrive: asked(RedriveAsk, redrive),
};

/** `answered` is also a refusal, which says why in its code. */
export type DeskAnswer =
  | { readonly kind: 'answered'; readonly body: object }
  | { readonly kind: 'unreadable'; readonly code: 'request.invalid' };

/** Answers one ask of a person: what is asked by its name, the rest by its own schema. */
export async function answerOperator<Deps>(
  asks: Asks<Deps>,
  deps: Deps,
  name: string,
  body: unknown,
): Promise<DeskAnswer> {
  const answer = Object.hasOwn(asks, name) ? asks[name] : undefined;
  return answer ? answer(deps, body) : { kind: 'unreadable', code: 'request.invalid' };
}
