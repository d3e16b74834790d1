import type { Sqlite } from '../adapters/embedded/sqlite.ts';
import type { HistoryEvent } from '../adapters/embedded/workflow-engine/frame.ts';
import { describeRun, workflowStore } from '../adapters/embedded/workflow-engine/store.ts';
import { visitsOf } from '../core/desk/state-visits.ts';
import type { StateVisit } from '../core/ports/run-history.ts';
import type { RunDescription } from '../core/ports/workflows.ts';
import { COMPENSATING_MACHINES } from '../core/promotion/start-rollback.ts';

export interface ViewedRun {
  readonly description: RunDescription;
  /** Version of the program that started it, and SHA-256 of the machine as it was then. */
  readonly codeVersion: string;
  readonly definition: string;
  readonly states: readonly StateVisit[];
}

/** A path is in one state at a time, so an event belongs to the last that its path entered. */
function statesOf(history: readonly HistoryEvent[], isRunning: boolean): StateVisit[] {
  const visits = new Map<string, number>();
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
  const events = history.map(({ id, type, at, path, details }) => {
    const entered = type.endsWith('StateEntered');
    if (entered) visits.set(path, id);
    const [state, error, cause] = [entered ? text(details.name) : undefined, text(details.error), text(details.cause)];
    return {
      type,
      at,
      visit: visits.get(path) ?? 0,
      ...(state === undefined ? {} : { state }),
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    };
  });
  return visitsOf(events, isRunning);
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
      states: statesOf(store.events(run.id, store.definition(run.definition)), run.status === 'RUNNING'),
    };
  };
}
