import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { keepJsonEvidence } from '../evidence.ts';
import type { AuditState, AuditStore } from '../ports/audit-store.ts';
import type { LedgerHead } from '../ports/ledger-store.ts';
import { defineTask, RunContext } from '../task.ts';
import type { VerifierKey } from '../tlog/note.ts';
import type { appendEntries } from './append.ts';
import { checkCheckpoint } from './audit-anchors.ts';
import { type AuditedLog, findingDrafts, findingNotes, type NoteFinding } from './audit-finding.ts';
import { checkNames } from './audit-names.ts';
import { auditStretch } from './audit-stretch.ts';
import { type EntryDraft, entryKeyOf } from './entry.ts';
import { EMPTY_HEAD } from './segment.ts';

export interface AuditDeps extends AuditedLog {
  readonly audits: AuditStore;
  readonly clock: { now(): number };
  /** The key that a tenant's log is signed with. */
  keyOf(tenant: TenantId): Promise<VerifierKey>;
  /** `appendEntries` or `groupCommit`, bound to its stores. */
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
}

export interface AuditBounds {
  /** Entries of each of the two stretches of a round, to the end of a batch. */
  readonly entries: number;
  /** Rounds of a run. */
  readonly rounds: number;
}

/** A round is some minutes of a store's answers at most; a run goes over 131,072 older entries. */
export const AUDIT_BOUNDS: AuditBounds = { entries: 2048, rounds: 64 };
/** Names that are looked at for each entry: a batch of one has a segment and an anchor, the rest is for lost races. */
const NAMES = 4;

const Answer = z.strictObject({ more: z.boolean(), passed: z.boolean() });
type Answer = z.infer<typeof Answer>;

const answerOf = ({ run }: AuditState): Answer => ({ more: !run.ended, passed: run.found.length === 0 });

/** The state as it was saved within a run; for another run one that begins where the last one ended. */
function begun(saved: AuditState | undefined, name: string): AuditState {
  if (saved?.run.name === name) return saved;
  const fresh = { newest: EMPTY_HEAD(), rotating: EMPTY_HEAD(), looked: '', endedAt: 0 };
  const { newest, rotating, looked, endedAt, standing } = saved ?? { ...fresh, standing: undefined };
  const run = { name, rounds: 0, before: newest, began: rotating.size, wrapped: false, found: [], ended: false };
  return { newest, rotating, looked, endedAt, run, ...(standing ? { standing } : {}) };
}

/** How far one round came. */
interface Round {
  readonly newest: LedgerHead;
  readonly rotating: LedgerHead;
  readonly looked: string;
  /** The rotating stretch has come to the end of the older entries, and goes on at the first. */
  readonly wrapped: boolean;
  /** Nothing newer is left, or nothing that can be reached. */
  readonly caughtUp: boolean;
  /** Nothing can be audited. */
  readonly isOver: boolean;
}

/** Whether a run has nothing left to do. */
function isDone({ before, began, wrapped }: AuditState['run'], { rotating, caughtUp, isOver }: Round): boolean {
  return isOver || (caughtUp && (before.size === 0 || (wrapped && rotating.size >= began)));
}

async function auditRound(
  deps: AuditDeps,
  bounds: AuditBounds,
  tenant: TenantId,
  state: AuditState,
  note: NoteFinding,
): Promise<Round> {
  const { newest: before, rotating: from, looked, run } = state;
  const checkpoint = await deps.ledger.published(tenant);
  if (!checkpoint || checkpoint.size < before.size) {
    note(checkpoint ? 'ledger.truncated' : 'ledger.checkpoint-missing', 'checkpoint');
    return { newest: before, rotating: from, looked, wrapped: false, caughtUp: true, isOver: true };
  }
  const key = await deps.keyOf(tenant);
  const of = { most: bounds.entries, published: checkpoint.size, key };
  await checkCheckpoint(deps, tenant, checkpoint, key, note);
  const { head: newest, isCut } = await auditStretch(deps, tenant, { ...of, from: before, end: checkpoint.size }, note);
  const caughtUp = isCut || newest.size >= checkpoint.size;
  if (newest.size >= checkpoint.size && newest.root !== checkpoint.root) note('ledger.root-mismatch', 'checkpoint');
  const older = await auditStretch(deps, tenant, { ...of, from, end: run.before.size }, note);
  const isAtEnd = older.head.size >= run.before.size;
  if (isAtEnd && older.head.root !== run.before.root) note('ledger.root-mismatch', `batch#${run.before.size}`);
  const wrapped = run.before.size > 0 && (isAtEnd || older.isCut);
  return {
    newest,
    rotating: wrapped ? EMPTY_HEAD() : older.head,
    looked: await checkNames(deps, tenant, looked, bounds.entries * NAMES, note),
    wrapped,
    isOver: false,
    caughtUp,
  };
}

/** What stands after a round: new codes begin the count anew, and the second lap that ends without any ends it. */
function standingAfter({ standing }: AuditState, codes: readonly string[], wrapped: boolean): AuditState['standing'] {
  if (codes.length > 0) return { codes: [...new Set([...(standing?.codes ?? []), ...codes])], laps: 0 };
  const laps = (standing?.laps ?? 0) + (wrapped ? 1 : 0);
  return standing && laps < 2 ? { codes: standing.codes, laps } : undefined;
}

function stateAfter(
  state: AuditState,
  round: Round,
  codes: readonly string[],
  bounds: AuditBounds,
  nowMs: number,
): AuditState {
  const { newest, rotating, looked } = round;
  const found = [...new Set([...state.run.found, ...codes])];
  const run = { ...state.run, rounds: state.run.rounds + 1, wrapped: state.run.wrapped || round.wrapped, found };
  const ended = run.rounds >= bounds.rounds || isDone(run, round);
  const standing = standingAfter(state, codes, round.wrapped);
  const endedAt = ended ? nowMs : state.endedAt;
  return { newest, rotating, looked, endedAt, run: { ...run, ended }, ...(standing ? { standing } : {}) };
}

/** At most one a day: its key is of the day's run. */
async function passedDraft(
  { worm }: AuditDeps,
  { tenant, businessKey, name }: RunContext,
  { newest, run: { before, began, rounds } }: AuditState,
): Promise<EntryDraft> {
  const report = await keepJsonEvidence(worm, tenant, 'audit-report', {
    schema: 'relseal.audit/1',
    size: newest.size,
    root: newest.root,
    newest: { from: before.size, to: newest.size },
    older: { from: began, below: before.size },
    rounds,
  });
  const parts = { businessKey, machine: 'audit', step: 'audit-ledger', replay: 0, kind: 'audit.passed', ordinal: 0 };
  const run = { workflow: 'audit', name };
  return {
    key: entryKeyOf(tenant, parts),
    content: { kind: 'audit.passed', run, outcome: 'pass', evidence: [report] },
  };
}

/**
 * One round of an audit: a stretch of what is newer than the last audited entry, one of older entries, and a look at names
 * in write-once storage. What it finds is on the ledger before the cursor moves, so that a process that dies in between
 * finds it again, under the same keys. A round after the end answers what the end was.
 */
export async function auditLedger(deps: AuditDeps, run: RunContext, bounds = AUDIT_BOUNDS): Promise<Answer> {
  const { tenant } = run;
  const state = begun(await deps.audits.load(tenant), run.name);
  if (state.run.ended) return answerOf(state);
  const { note, findings } = findingNotes();
  const round = await auditRound(deps, bounds, tenant, state, note);
  const found = findings();
  if (found.length > 0) await deps.append(tenant, findingDrafts(tenant, run.name, found));
  const codes = [...new Set(found.map(({ code }) => code))];
  const next = stateAfter(state, round, codes, bounds, deps.clock.now());
  if (next.run.ended && next.run.found.length === 0) await deps.append(tenant, [await passedDraft(deps, run, next)]);
  await deps.audits.save(tenant, next);
  return answerOf(next);
}

/** The step of the audit machine. */
export const auditLedgerTask = defineTask<AuditDeps, { step: 'audit-ledger'; run: RunContext }, Answer>({
  step: 'audit-ledger',
  input: z.strictObject({ step: z.literal('audit-ledger'), run: RunContext }),
  output: Answer,
  run: (deps, { run }) => auditLedger(deps, run),
});
