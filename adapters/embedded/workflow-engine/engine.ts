import { StateError } from '../../../core/asl/state-error.ts';
import { Fault } from '../../../core/faults.ts';
import type { Workflows } from '../../../core/ports/workflows.ts';
import { createParts, type EngineParts, requireRun, type WorkflowEngineConfig } from './engine-parts.ts';
import type { HistoryEvent } from './frame.ts';
import { arriving } from './limits.ts';
import { canRedrive, redriveRun } from './redrive.ts';
import { resumeRuns } from './resume-runs.ts';
import type { HeldRun } from './runs-at-work.ts';
import { startRun } from './start-run.ts';
import { describeRun, type RunRow } from './store.ts';

/** Durable runs in SQLite, each on the definition it was started with. One engine at a time works on a database. */
export interface WorkflowEngine extends Workflows {
  /** Takes up every open run where it stands, and status changes not told yet. Called once after a start. */
  resume(): void;
  /** Runs that go on but take no step, for their tasks have changed. They can be stopped, and time out. */
  held(): readonly HeldRun[];
  history(machine: string, name: string): Promise<readonly HistoryEvent[]>;
  /** Resolves when no run is at work and no status change is being told. For tests and orderly ends. */
  settled(): Promise<void>;
  /** Stops working without ending any run: what is open is taken up again by the next process. */
  close(): Promise<void>;
}

/** What looks at runs, and changes nothing. */
function looking(parts: EngineParts): Pick<WorkflowEngine, 'describe' | 'list' | 'history' | 'held'> {
  const { store } = parts;
  const describe = (run: RunRow) =>
    describeRun(run, run.status === 'RUNNING' ? store.workingState(run.id) : undefined, canRedrive(parts, run));
  return {
    describe: async (machine, name) => {
      const run = store.run(machine, name);
      return run && describe(run);
    },
    held: parts.runs.held,
    list: async (filter) => store.runs(filter).map(describe),
    history: async (machine, name) => {
      const run = store.run(machine, name);
      return run ? store.events(run.id, store.definition(run.definition)) : [];
    },
  };
}

type Changing = Omit<Workflows, 'describe' | 'list'>;

/** What changes runs; `requireOpen` throws once the engine is closed. */
function changing(parts: EngineParts, requireOpen: () => void): Changing {
  const { tokens, runs } = parts;
  return {
    start: async (machine, name, input) => {
      requireOpen();
      return startRun(parts, machine, name, input);
    },
    stop: async (machine, name, reason) => {
      requireOpen();
      const { error, message: cause } = new StateError(reason.error, reason.cause);
      await runs.end(requireRun(parts, machine, name), { status: 'ABORTED', failure: { error, cause } });
    },
    redrive: async (machine, name) => {
      requireOpen();
      return redriveRun(parts, machine, name);
    },
    sendTaskSuccess: async (token, output) => {
      requireOpen();
      return tokens.succeed(token, arriving(output, 'the answer of a task'));
    },
    sendTaskFailure: async (token, failure) => {
      requireOpen();
      return tokens.fail(token, failure);
    },
    sendTaskHeartbeat: async (token) => {
      requireOpen();
      return tokens.beat(token);
    },
  };
}

export function workflowEngine(config: WorkflowEngineConfig): WorkflowEngine {
  const parts = createParts(config);
  const { commits, outbox, runs, timers, packer } = parts;
  let closed = false;
  let resuming: Promise<void> = Promise.resolve();
  const requireOpen = (): void => {
    if (closed) throw new Fault('StoreUnavailable', 'the workflow engine is closed');
  };
  return {
    ...looking(parts),
    ...changing(parts, requireOpen),
    resume: () => {
      requireOpen();
      outbox.deliver();
      packer.pack();
      resuming = resumeRuns(parts, () => closed).catch(config.onFault);
    },
    settled: async () => {
      await resuming;
      do {
        await runs.settled();
        await outbox.settled();
      } while (runs.areAny());
    },
    close: async () => {
      closed = true;
      timers.close();
      outbox.close();
      await resuming;
      await runs.close();
      await outbox.settled();
      await packer.settled();
      await commits.settled();
    },
  };
}
