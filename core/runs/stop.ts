import { subjectFacts } from '../ledger/drafts.ts';
import { type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Workflows } from '../ports/workflows.ts';
import type { RunOutcomeDeps } from './outcome.ts';
import { RunInput } from './run-input.ts';

export interface StopRunDeps extends Pick<RunOutcomeDeps, 'append'> {
  readonly claims: Pick<ClaimStore, 'byRun'>;
  readonly workflows: Pick<Workflows, 'start' | 'stop'>;
}

export type StopOutcome =
  | { readonly kind: 'stopped'; readonly runName: string }
  | { readonly kind: 'refused'; readonly code: 'run.unknown' | 'run.ended' };

function stopDraft(
  { tenant, businessKey, machine, runName, replay, redrives, input }: ClaimRow,
  actor: Actor,
): EntryDraft {
  const of = { businessKey, machine, step: 'stop-run', replay, kind: 'audit.run-stopped', ordinal: redrives };
  return {
    key: entryKeyOf(tenant, of),
    content: {
      kind: of.kind,
      outcome: 'info',
      run: { workflow: machine, name: runName },
      ...subjectFacts(RunInput.parse(input).subject),
      actor,
    },
  };
}
interface Actor {
  readonly id: string;
  readonly authenticated: string;
}

/** Stops a run for a person, whose act is on the ledger first. What the run leaves undone is compensated by its outcome. */
export async function stopRun(deps: StopRunDeps, runName: string, actor: Actor): Promise<StopOutcome> {
  const row = await deps.claims.byRun(runName);
  if (row?.runName !== runName) return { kind: 'refused', code: 'run.unknown' };
  if (row.status !== 'running') return { kind: 'refused', code: 'run.ended' };
  await deps.append(row.tenant, [stopDraft(row, actor)]);
  // A claim whose starter died has no run yet; the sweep would start it after the stop.
  await deps.workflows.start(row.machine, runName, row.input);
  await deps.workflows.stop(row.machine, runName, { error: 'Run.Stopped', cause: 'An operator stopped the run.' });
  return { kind: 'stopped', runName };
}
