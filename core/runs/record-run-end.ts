import type { Workflows } from '../ports/workflows.ts';
import { type RunOutcomeDeps, recordRunOutcome } from './outcome.ts';

/**
 * Records the end of a run that a status event told of. The event is a pointer: how the run ended is read from the
 * engine, so that an event and a sweep record the same. A run without a claim is none of ours.
 */
export async function recordRunEnd(
  deps: RunOutcomeDeps & { readonly workflows: Pick<Workflows, 'describe'> },
  runName: string,
): Promise<'recorded' | 'nothing'> {
  const claim = await deps.claims.byRun(runName);
  const run = claim && (await deps.workflows.describe(claim.machine, runName));
  return run ? recordRunOutcome(deps, run) : 'nothing';
}
