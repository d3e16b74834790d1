import { subjectOf } from '../ledger/drafts.ts';
import { entryKeyOf } from '../ledger/entry.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { Workflows } from '../ports/workflows.ts';
import { type RunOutcomeDeps, requireClaim } from './outcome.ts';
import { RunInput, releaseIdOf, runNameOf } from './run-input.ts';

export interface ReplayDeps extends RunOutcomeDeps {
  readonly claims: ClaimStore;
  readonly workflows: Pick<Workflows, 'start'>;
  readonly clock: Clock;
}

export type ReplayOutcome =
  | { readonly kind: 'started'; readonly runName: string }
  | { readonly kind: 'refused'; readonly code: 'replay.not-failed' | 'replay.superseded'; readonly runName: string };

/**
 * Runs failed work again from the start, as `<name>-r<n>`, with the input of the first run. Killed between entry and
 * claim it is asked for again and finds its entry; killed before the start, the sweep starts what is claimed.
 */
export async function replayRun(
  deps: ReplayDeps,
  runName: string,
  requestedBy: { readonly id: string; readonly authenticated: string },
): Promise<ReplayOutcome> {
  const row = await requireClaim(deps.claims, runName);
  if (row.runName !== runName) return { kind: 'refused', code: 'replay.superseded', runName: row.runName };
  if (row.status !== 'failed') return { kind: 'refused', code: 'replay.not-failed', runName };
  const replay = row.replay + 1;
  const { error: _error, cause: _cause, ...rest } = row;
  const next: ClaimRow = {
    ...rest,
    replay,
    runName: runNameOf(row.machine, row.businessKey, replay),
    status: 'running',
    claimedAt: new Date(deps.clock.now()).toISOString(),
  };
  // Who asked is on record before anything runs.
  await deps.append(row.tenant, [replayDraft(next, runName, requestedBy)]);
  await deps.claims.replace(next, row);
  await deps.workflows.start(next.machine, next.runName, next.input);
  return { kind: 'started', runName: next.runName };
}

function replayDraft(next: ClaimRow, replayed: string, actor: { id: string; authenticated: string }) {
  const { subject } = RunInput.parse(next.input);
  return {
    key: entryKeyOf(next.tenant, {
      businessKey: next.businessKey,
      machine: next.machine,
      step: 'replay-run',
      replay: next.replay,
      kind: 'replay',
      ordinal: 0,
    }),
    content: {
      kind: 'replay',
      outcome: 'info' as const,
      run: { workflow: next.machine, name: next.runName },
      release: { kind: subject.kind, id: releaseIdOf(subject) },
      subjects: [subjectOf(subject)],
      actor,
      reasons: [{ code: 'run.replayed', found: replayed }],
      reasonsTotal: 1,
      ...(next.traceparent ? { trace: [next.traceparent] } : {}),
    },
  };
}
