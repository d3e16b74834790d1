import type { Sqlite } from '../adapters/embedded/sqlite.ts';
import type { HistoryEvent } from '../adapters/embedded/workflow-engine/frame.ts';
import { describeRun, workflowStore } from '../adapters/embedded/workflow-engine/store.ts';
import type { RunDescription } from '../core/ports/workflows.ts';
import { COMPENSATING_MACHINES } from '../core/promotion/start-rollback.ts';

/** One stay of a run in a state; several at once inside a Parallel or Map. */
export interface StateVisit {
  readonly state: string;
  readonly enteredAt: string;
  /** Absent while the run is there, or when it ended there. */
  readonly exitedAt?: string;
}

export interface ViewedRun {
  readonly description: RunDescription;
  /** Version of the program that started it, and SHA-256 of the machine as it was then. */
  readonly codeVersion: string;
  readonly definition: string;
  readonly states: readonly StateVisit[];
}

function statesOf(history: readonly HistoryEvent[]): StateVisit[] {
  const visits: { path: string; state: string; enteredAt: string; exitedAt?: string }[] = [];
  for (const { type, at, path, details } of history) {
    const state = String(details.name);
    if (type.endsWith('StateEntered')) visits.push({ path, state, enteredAt: at });
    const left = (visit: (typeof visits)[number]) => visit.path === path && visit.state === state && !visit.exitedAt;
    const last = type.endsWith('StateExited') ? visits.findLast(left) : undefined;
    if (last) last.exitedAt = at;
  }
  return visits.map(({ path: _path, ...visit }) => visit);
}

/** What the engine of a data folder has stored of its runs, read beside it or without one. */
export function engineView(database: Sqlite) {
  const store = workflowStore(database);
  return (machine: string, name: string): ViewedRun | undefined => {
    const run = store.run(machine, name);
    if (!run) return undefined;
    const endedBadly = run.status !== 'RUNNING' && run.status !== 'SUCCEEDED';
    const working = run.status === 'RUNNING' ? store.workingState(run.id) : undefined;
    return {
      // Whether the next server can still take it up is known to that server alone.
      description: describeRun(run, working, endedBadly && !COMPENSATING_MACHINES.includes(machine)),
      codeVersion: run.code_version,
      definition: run.definition,
      states: statesOf(store.events(run.id, store.definition(run.definition))),
    };
  };
}
