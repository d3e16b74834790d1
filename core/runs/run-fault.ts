import * as z from 'zod';
import { EvidenceRef, keepJsonEvidence } from '../evidence.ts';
import { FAULT_NAMES } from '../faults.ts';
import { subjectFacts } from '../ledger/drafts.ts';
import { type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import type { RunDescription } from '../ports/workflows.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { RunInput } from './run-input.ts';

/** Evidence `run-fault`: everything that is known of a run that failed, with the reference of its input. */
const RunFault = z.strictObject({
  schema: z.literal('relseal.run-fault/1'),
  machine: z.string().min(1),
  run: z.string().min(1),
  state: z.string().min(1).exactOptional(),
  error: z.string().min(1),
  cause: z.string().min(1).exactOptional(),
  input: EvidenceRef,
  redriveCount: z.int().nonnegative(),
});

const MAX_CAUSE_CHARACTERS = 1024;
const MAX_STATE_CHARACTERS = 80;

/** Errors whose cause is a text of ours or of the engine. What any other error says may quote what others sent. */
const isOurs = (error: string): boolean =>
  FAULT_NAMES.some((name) => name === error) || /^(?:States|Sandbox)\./.test(error);

/** The cause as far as it may be kept for ever: at most 1,024 characters, absent where it could hold a secret. */
export function keptCause(error: string, cause: string | undefined): string | undefined {
  // A text that begins like JSON is a report of somebody else: nobody knows what it holds.
  if (!isOurs(error) || cause?.startsWith('{')) return undefined;
  return cause?.slice(0, MAX_CAUSE_CHARACTERS).toWellFormed() || undefined;
}

/** How a run failed; the cause as it may be kept. */
export interface RunFailure extends Pick<RunDescription, 'state' | 'redriveCount'> {
  readonly error: string;
  readonly cause?: string;
}

/** Entry of a run that failed, once for each redrive of it. Its evidence is stored before it. */
export async function faultDraft(worm: WormStore, row: ClaimRow, failure: RunFailure): Promise<EntryDraft> {
  const { error, cause, redriveCount } = failure;
  const { tenant, businessKey, machine, runName, replay } = row;
  const input = await keepJsonEvidence(worm, tenant, 'run-input', row.input);
  const state = failure.state?.slice(0, MAX_STATE_CHARACTERS).toWellFormed() || undefined;
  const record = RunFault.parse({
    schema: 'relseal.run-fault/1',
    machine,
    run: runName,
    ...(state === undefined ? {} : { state }),
    error,
    ...(cause === undefined ? {} : { cause }),
    input,
    redriveCount,
  });
  const where = state === undefined ? {} : { where: state };
  return {
    key: entryKeyOf(tenant, {
      businessKey,
      machine,
      step: 'record-run-outcome',
      replay,
      kind: 'fault',
      ordinal: redriveCount,
    }),
    content: {
      kind: 'fault',
      outcome: 'fault',
      run: { workflow: machine, name: runName, ...(state === undefined ? {} : { state }) },
      ...subjectFacts(RunInput.parse(row.input).subject),
      ...(row.actor ? { actor: row.actor } : {}),
      reasons: [{ code: 'run.failed', ...where, found: error, fix: `relseal replay ${runName}` }],
      reasonsTotal: 1,
      evidence: [await keepJsonEvidence(worm, tenant, 'run-fault', record), input],
      ...(row.traceparent ? { trace: [row.traceparent] } : {}),
    },
  };
}
