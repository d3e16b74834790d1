import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { EvidenceRef, keepJsonEvidence } from '../evidence.ts';
import { Fault, isFault } from '../faults.ts';
import { entryKeyOf, replayOfRun } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { WaitRow, WaitStore } from '../ports/wait-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import { PromotionSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { allowedPromotion, appendOn, type DraftingDeps, type LedgerDeps } from './ledger.ts';
import { ApprovalRef } from './plan.ts';
import { successorOf } from './stage-wait.ts';

/** What an approval waits with. `given` are the persons who approved, `answer` what the token is answered with. */
const ApprovalState = z.strictObject({
  schema: z.literal('relseal.approval-wait/1'),
  subject: PromotionSubject,
  plan: EvidenceRef,
  verdict: EvidenceRef,
  needed: z.int().positive(),
  requester: z.string().min(1),
  given: z.array(z.strictObject({ actor: z.string(), entry: ApprovalRef })),
  answer: z.strictObject({ approved: z.boolean(), approvals: z.array(ApprovalRef) }).optional(),
});
type ApprovalState = z.infer<typeof ApprovalState>;

export interface RequestApprovalDeps extends LedgerDeps {
  readonly claims: Pick<ClaimStore, 'get'>;
  readonly waits: WaitStore;
  readonly workflows: Pick<Workflows, 'sendTaskSuccess'>;
}

const stateOf = (row: WaitRow): ApprovalState => ApprovalState.parse(row.state);

const MOST_OPEN = 1000;

/** The run of an open approval that one of these persons asked for or gave: under a new name they could give it again. */
export async function openApprovalOf(
  { waits }: { readonly waits: Pick<WaitStore, 'listOpen'> },
  tenant: TenantId,
  persons: ReadonlySet<string>,
): Promise<string | undefined> {
  const open = await waits.listOpen(tenant, 'approval', MOST_OPEN);
  const isOf = ({ requester, given }: ApprovalState) =>
    [requester, ...given.map(({ actor }) => actor)].some((id) => persons.has(id));
  return open.find((row) => isOf(stateOf(row)))?.runName;
}

/** Closes a wait. One that changed meanwhile has another token: whoever changed it, or the next judge, goes on with it. */
async function closeWait({ waits }: Pick<RequestApprovalDeps, 'waits'>, row: WaitRow): Promise<void> {
  try {
    await waits.replace(successorOf(row, { open: false }));
  } catch (conflict) {
    if (!isFault(conflict, 'LedgerConflict')) throw conflict;
  }
}

/** Hands the answer over and closes the wait. A token that nobody waits for any more closes it too. */
async function deliverAnswer(deps: Pick<RequestApprovalDeps, 'waits' | 'workflows'>, row: WaitRow): Promise<void> {
  const { answer } = stateOf(row);
  if (!answer) return;
  await deps.workflows.sendTaskSuccess(row.token, answer);
  await closeWait(deps, row);
}

/** Waits for persons to approve a promotion that its gate has allowed. The token stays in the store. */
export const requestApproval = defineTask({
  step: 'request-approval',
  input: z.strictObject({
    step: z.literal('request-approval'),
    run: RunContext,
    subject: PromotionSubject,
    token: z.string().min(1).max(2048),
  }),
  output: z.strictObject({ waiting: z.literal(true) }),
  async run(deps: RequestApprovalDeps, { run, subject, token }) {
    const { tenant, businessKey, machine, name } = run;
    const { ref, plan, verdict } = await allowedPromotion(deps, tenant, businessKey, subject);
    const claim = await deps.claims.get(tenant, businessKey, machine);
    if (!claim?.actor) throw new Fault('InputInvalid', `nobody is known to have asked for ${name}`);
    const state: ApprovalState = {
      schema: 'relseal.approval-wait/1',
      subject,
      plan: ref,
      verdict,
      needed: plan.rules.approvals,
      requester: claim.actor.id,
      given: [],
    };
    const row = { tenant, businessKey, kind: 'approval', ordinal: 0, machine, runName: name, token } as const;
    const opened = await deps.waits.open({ ...row, version: 0, open: true, state });
    if (opened.opened) return { waiting: true };
    // The step runs again with another token: what was approved meanwhile counts.
    const again = successorOf(opened.row, { token, open: true });
    await deps.waits.replace(again);
    await deliverAnswer(deps, again);
    return { waiting: true };
  },
});

export interface AnswerApprovalDeps extends DraftingDeps, LedgerDeps {
  readonly claims: Pick<ClaimStore, 'get' | 'byRun'>;
  readonly waits: WaitStore;
  readonly workflows: Pick<Workflows, 'sendTaskSuccess'>;
}

export type ApprovalOutcome =
  | { readonly kind: 'recorded'; readonly missing: number }
  | {
      readonly kind: 'refused';
      readonly code: 'approval.not-open' | 'approval.own-request' | 'approval.already-given' | 'approval.unknown-run';
    };

export interface ApprovalDecision {
  readonly decision: 'approved' | 'refused';
  readonly reason?: string;
}

interface Person {
  readonly id: string;
  readonly authenticated: string;
}

/**
 * Records what one person decided on a promotion that waits, then lets it go on when enough have approved or one has
 * refused. The entry comes first: killed after it, the same person asks again and the entry is found.
 */
export async function answerApproval(
  deps: AnswerApprovalDeps,
  runName: string,
  decision: ApprovalDecision,
  person: Person,
): Promise<ApprovalOutcome> {
  const claim = await deps.claims.byRun(runName);
  if (!claim) return { kind: 'refused', code: 'approval.unknown-run' };
  const row = await deps.waits.get({ ...claim, kind: 'approval', ordinal: 0 });
  if (claim.status !== 'running' || !row?.open || row.runName !== runName)
    return { kind: 'refused', code: 'approval.not-open' };
  const state = stateOf(row);
  if (state.answer) {
    await deliverAnswer(deps, row);
    return { kind: 'refused', code: 'approval.not-open' };
  }
  if (person.id === state.requester) return { kind: 'refused', code: 'approval.own-request' };
  if (state.given.some(({ actor }) => actor === person.id)) return { kind: 'refused', code: 'approval.already-given' };
  const entry = await recordDecision(deps, claim, state, decision, person);
  const given = decision.decision === 'approved' ? [...state.given, { actor: person.id, entry }] : state.given;
  const answer = answerOf({ ...state, given }, decision);
  const next = successorOf(row, { state: { ...state, given, ...(answer ? { answer } : {}) } });
  try {
    await deps.waits.replace(next);
  } catch (conflict) {
    if (!isFault(conflict, 'LedgerConflict')) throw conflict;
    // Another person was faster: this decision is on the ledger and is counted on the new row.
    return answerApproval(deps, runName, decision, person);
  }
  await deliverAnswer(deps, next);
  return { kind: 'recorded', missing: answer ? 0 : state.needed - given.length };
}

function answerOf({ given, needed }: ApprovalState, { decision }: ApprovalDecision): ApprovalState['answer'] {
  if (decision === 'refused') return { approved: false, approvals: [] };
  return given.length >= needed ? { approved: true, approvals: given.map(({ entry }) => entry) } : undefined;
}

async function recordDecision(
  deps: AnswerApprovalDeps,
  claim: ClaimRow,
  { subject, plan, verdict }: ApprovalState,
  { decision, reason }: ApprovalDecision,
  person: Person,
): Promise<z.infer<typeof ApprovalRef>> {
  const { tenant, businessKey, machine, runName } = claim;
  const evidence = await keepJsonEvidence(deps.worm, tenant, 'approval', {
    schema: 'relseal.approval/1',
    subject,
    plan,
    verdict,
    decision,
    ...(reason === undefined ? {} : { reason }),
  });
  const kind = decision === 'approved' ? 'approval.given' : 'approval.refused';
  await appendOn(deps, { tenant, businessKey, machine, name: runName }, subject, {
    step: 'answer-approval',
    kind,
    ordinal: person.id,
    outcome: decision === 'approved' ? 'pass' : 'refuse',
    evidence: [evidence],
    actor: person,
    ...(decision === 'refused' ? { reasons: [{ code: 'approval.refused' }], reasonsTotal: 1 } : {}),
  });
  const replay = replayOfRun(runName);
  const key = entryKeyOf(tenant, { businessKey, machine, step: 'answer-approval', replay, kind, ordinal: person.id });
  const [stored] = await deps.ledger.storedKeys(tenant, [key]);
  if (!stored) throw new Fault('LedgerInconsistent', `the decision on ${runName} is not on the ledger`);
  return { index: stored.index, leaf: stored.leaf };
}

/**
 * Answers again what was decided and not handed over, because a process died in between, and closes the waits of runs
 * that have ended: nobody would.
 */
export async function deliverApprovals(
  deps: Pick<RequestApprovalDeps, 'claims' | 'waits' | 'workflows'>,
  tenant: TenantId,
  limit = 1000,
): Promise<void> {
  for (const row of await deps.waits.listOpen(tenant, 'approval', limit)) {
    const claim = await deps.claims.get(tenant, row.businessKey, row.machine);
    if (claim?.status === 'running') await deliverAnswer(deps, row);
    else await closeWait(deps, row);
  }
}
