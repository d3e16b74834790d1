import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { canonicalJson } from '../canonical-json.ts';
import { type EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { recomputeVerdict, VerdictRecord } from '../gate/verdict.ts';
import { subjectFacts } from '../ledger/drafts.ts';
import {
  type EntryContent,
  type EntryDraft,
  type EntryLink,
  entryKeyOf,
  type LedgerEntry,
  parseEntry,
  replayOfRun,
} from '../ledger/entry.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import type { PromotionSubject } from '../runs/run-input.ts';
import { committedEntry } from '../signing/committed-entry.ts';
import type { RunContext } from '../task.ts';
import { ApprovalRecord, PLAN_KIND, PromotionPlan } from './plan.ts';

/** What steps of a promotion read from the ledger, with proof, and what they put on it. */

export interface LedgerDeps {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
}

export interface DraftingDeps {
  readonly claims: Pick<ClaimStore, 'get'>;
  append(tenant: TenantId, drafts: readonly EntryDraft[]): Promise<unknown>;
}

type Said = Pick<EntryContent, 'kind' | 'outcome' | 'reasons' | 'reasonsTotal' | 'evidence' | 'actor'> & {
  readonly step: string;
  readonly ordinal: number | string;
  /** State of the machine that says it; absent for what is said outside a run. */
  readonly state?: string;
};

/** Appends one entry on a promotion, exactly once for each (step, kind, ordinal). */
export async function appendOn(
  { claims, append }: DraftingDeps,
  run: RunContext,
  subject: PromotionSubject,
  { step, ordinal, state, ...content }: Said,
): Promise<void> {
  const { tenant, businessKey, machine, name } = run;
  const claim = await claims.get(tenant, businessKey, machine);
  const draft: EntryDraft = {
    key: entryKeyOf(tenant, { businessKey, machine, step, replay: replayOfRun(name), kind: content.kind, ordinal }),
    content: {
      run: { workflow: machine, name, ...(state === undefined ? {} : { state }) },
      ...subjectFacts(subject),
      ...(claim?.actor ? { actor: claim.actor } : {}),
      ...(claim?.traceparent === undefined ? {} : { trace: [claim.traceparent] }),
      ...content,
    },
  };
  await append(tenant, [draft]);
}

export interface ProvenEntry {
  readonly link: EntryLink;
  readonly entry: LedgerEntry;
}

/** An entry of the committed log, shown to lie in it. */
export const provenEntry = async (
  { ledger }: Pick<LedgerDeps, 'ledger'>,
  tenant: TenantId,
  { index, leaf }: { readonly index: number; readonly leaf: Sha256Hex },
): Promise<ProvenEntry> => ({
  link: { index, leaf },
  entry: parseEntry(await committedEntry(ledger, tenant, index, leaf)),
});

interface KeyOf {
  readonly businessKey: Sha256Hex;
  readonly machine: 'promotion' | 'rollback';
  readonly step: string;
  readonly kind: string;
  readonly ordinal?: number | string;
}

/** The entry that a step of the first run of a machine appended, with proof; `undefined` when there is none. */
export async function entryOf(deps: LedgerDeps, tenant: TenantId, of: KeyOf): Promise<ProvenEntry | undefined> {
  const key = entryKeyOf(tenant, { ordinal: 0, ...of, replay: 0 });
  const [stored] = await deps.ledger.storedKeys(tenant, [key]);
  return stored && provenEntry(deps, tenant, stored);
}

const LONGEST_RELEASE = 20_000;

/**
 * Entries of a release, newest first, along the links that each entry has to the one before it: nothing can be left out
 * without breaking the log. `LimitExceeded` past 20,000.
 */
export async function* entriesOfRelease(
  deps: LedgerDeps,
  tenant: TenantId,
  release: string,
): AsyncGenerator<ProvenEntry> {
  const [newest] = await deps.ledger.releasePointers(tenant, [release]);
  let link: EntryLink | undefined = newest && { index: newest.index, leaf: newest.leaf };
  for (let count = 0; link; count += 1) {
    if (count === LONGEST_RELEASE) throw new Fault('LimitExceeded', `${release} has more than ${count} entries`);
    const found = await provenEntry(deps, tenant, link);
    if (found.entry.release?.id !== release)
      throw new Fault('LedgerInconsistent', `entry ${link.index} is linked to another release`);
    yield found;
    link = found.entry.prev;
  }
}

const evidenceOf = ({ entry, link }: ProvenEntry, kind: string): EvidenceRef => {
  const found = entry.evidence?.find((evidence) => evidence.kind === kind);
  if (!found) throw new Fault('EvidenceMissing', `entry ${link.index} names no ${kind}`);
  return found;
};

export interface CommittedPlan {
  readonly ref: EvidenceRef;
  readonly plan: PromotionPlan;
}

/** The plan that a promotion put on the ledger; `undefined` when it came to none. */
export async function committedPlan(
  deps: LedgerDeps,
  tenant: TenantId,
  businessKey: Sha256Hex,
): Promise<CommittedPlan | undefined> {
  const found = await entryOf(deps, tenant, {
    businessKey,
    machine: 'promotion',
    step: 'plan-promotion',
    kind: 'check',
  });
  if (found?.entry.outcome !== 'pass') return undefined;
  const ref = evidenceOf(found, PLAN_KIND);
  return { ref, plan: await loadJsonEvidence(deps.worm, tenant, ref, PromotionPlan) };
}

export interface AllowedPromotion extends CommittedPlan {
  readonly verdict: EvidenceRef;
}

/**
 * The plan of a promotion that may change its target: plan and verdict on the committed log are on this very subject, and
 * the verdict passes when it is computed again. Anything else is `InputInvalid`, whoever asks.
 */
export async function allowedPromotion(
  deps: LedgerDeps,
  tenant: TenantId,
  businessKey: Sha256Hex,
  subject: PromotionSubject,
): Promise<AllowedPromotion> {
  const planned = await committedPlan(deps, tenant, businessKey);
  const decided = await entryOf(deps, tenant, {
    businessKey,
    machine: 'promotion',
    step: 'decide-gate',
    kind: 'verdict',
  });
  if (!planned || !decided) throw new Fault('InputInvalid', `the promotion of ${subject.digest} was not decided`);
  const verdict = evidenceOf(decided, 'verdict');
  const record = await loadJsonEvidence(deps.worm, tenant, verdict, VerdictRecord);
  const isOurs = [planned.plan, record].every((found) => canonicalJson(found.subject) === canonicalJson(subject));
  if (record.gate !== 'promote' || !isOurs)
    throw new Fault('InputInvalid', `entry ${decided.link.index} is no promote verdict on this subject`);
  const { verdict: recomputed } = await recomputeVerdict(deps.worm, tenant, record);
  if (record.outcome !== 'pass' || recomputed.kind !== 'pass')
    throw new Fault('InputInvalid', `the verdict of entry ${decided.link.index} does not pass`);
  return { ...planned, verdict };
}

/** Checks that as many persons as the plan asks for, none of them who asked, approved this very plan and verdict. */
export async function requireApprovals(
  deps: LedgerDeps,
  tenant: TenantId,
  businessKey: Sha256Hex,
  { ref, plan, verdict }: AllowedPromotion,
  approvals: readonly { readonly index: number; readonly leaf: Sha256Hex }[],
): Promise<void> {
  if (plan.rules.approvals === 0) return;
  const asked = await entryOf(deps, tenant, {
    businessKey,
    machine: 'promotion',
    step: 'claim-promotion',
    kind: 'promotion.requested',
  });
  if (!asked?.entry.actor) throw new Fault('InputInvalid', 'nobody is known to have asked for this promotion');
  const persons = new Set<string>();
  for (const link of approvals) {
    const found = await provenEntry(deps, tenant, link);
    const record = await loadJsonEvidence(deps.worm, tenant, evidenceOf(found, 'approval'), ApprovalRecord);
    const bound = record.plan.sha256 === ref.sha256 && record.verdict.sha256 === verdict.sha256;
    const { actor, kind } = found.entry;
    if (
      kind === 'approval.given' &&
      record.decision === 'approved' &&
      bound &&
      actor &&
      actor.id !== asked.entry.actor.id
    )
      persons.add(actor.id);
  }
  if (persons.size < plan.rules.approvals)
    throw new Fault('InputInvalid', `${persons.size} of ${plan.rules.approvals} approvals are on the ledger`);
}

const rollbackOf = (deps: LedgerDeps, tenant: TenantId, businessKey: Sha256Hex): Promise<ProvenEntry | undefined> =>
  entryOf(deps, tenant, { businessKey, machine: 'rollback', step: 'restore-revision', kind: 'rollback.started' });

/** Whether the rollback of a promotion has begun: from then on no other step may change its target. */
export const rollbackBegun = async (deps: LedgerDeps, tenant: TenantId, businessKey: Sha256Hex): Promise<boolean> =>
  (await rollbackOf(deps, tenant, businessKey)) !== undefined;

/**
 * Whether a promotion is closed for good: its entry is on the log before that of a rollback. Whichever of the two came
 * first decides, so that nobody undoes what another promotion may have taken over by then.
 */
export async function isClosed(deps: LedgerDeps, tenant: TenantId, businessKey: Sha256Hex): Promise<boolean> {
  const closed = await entryOf(deps, tenant, {
    businessKey,
    machine: 'promotion',
    step: 'close-promotion',
    kind: 'promotion.closed',
  });
  const rolledBack = await rollbackOf(deps, tenant, businessKey);
  return closed !== undefined && (!rolledBack || closed.link.index < rolledBack.link.index);
}
