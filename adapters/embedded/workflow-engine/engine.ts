import { type Json, jsonByteLength, parseJson } from '../../../core/asl/json.ts';
import { Fault } from '../../../core/faults.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { Workflows } from '../../../core/ports/workflows.ts';
import { type Sqlite, transaction } from '../sqlite.ts';
import type { TaskHandler } from './call-task.ts';
import type { HistoryEvent } from './frame.ts';
import { isRunName, PAYLOAD_BYTES } from './limits.ts';
import { type LoadedMachine, loadMachines } from './machines.ts';
import { event } from './run-context.ts';
import { runsAtWork } from './runs-at-work.ts';
import { type RunStatusChange, statusOutbox } from './status-outbox.ts';
import { changeOf, describeRun, type RunRow, workflowStore } from './store.ts';
import { createTimers } from './timers.ts';

export interface WorkflowEngineConfig {
  readonly database: Sqlite;
  readonly clock: Clock;
  /**
   * The ASL documents by machine name, as parsed JSON. Linted when the engine is made: a document outside the subset
   * throws `ConfigurationInvalid` with every finding.
   */
  readonly machines: Readonly<Record<string, unknown>>;
  /** Fault names that Retry may name. */
  readonly faults: readonly string[];
  /** Tasks by their placeholder name, `VerifyGoSumFunction`. A machine that names another is `ConfigurationInvalid`. */
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  readonly codeVersion: string;
  /** Tasks at work at once. */
  readonly concurrency?: number;
  /** A number in [0, 1), for the jitter of a Retry. */
  random(): number;
  /** Told at least once of each change; those of one run in their order. */
  onStatus(change: RunStatusChange): Promise<void>;
  /** Told of what ended no run: a full disk, a listener that failed. */
  onFault(fault: unknown): void;
}

/** Durable runs in SQLite, each on the definition it was started with. One engine at a time works on a database. */
export interface WorkflowEngine extends Workflows {
  /** Takes up every open run where it stands, and status changes not told yet. Called once after a start. */
  resume(): void;
  history(machine: string, name: string): Promise<readonly HistoryEvent[]>;
  /** Resolves when no run is at work and no status change is being told. For tests and orderly ends. */
  settled(): Promise<void>;
  /** Stops working without ending any run: what is open is taken up again by the next process. */
  close(): Promise<void>;
}

const DEFAULT_CONCURRENCY = 16;

/** The input as it would arrive at Step Functions, or why it does not. */
function inputOf(input: unknown): Json {
  const text: string | undefined = JSON.stringify(input);
  if (text === undefined) throw new Fault('InputInvalid', 'the input of a run has no JSON form');
  const json = parseJson(text);
  if (jsonByteLength(json) > PAYLOAD_BYTES)
    throw new Fault('LimitExceeded', `the input of a run has more than ${PAYLOAD_BYTES} bytes`);
  return json;
}

export function workflowEngine(config: WorkflowEngineConfig): WorkflowEngine {
  const { database, clock, handlers, codeVersion, concurrency = DEFAULT_CONCURRENCY } = config;
  const machines = loadMachines(config);
  const store = workflowStore(database);
  const timers = createTimers(clock);
  const { onStatus, onFault, random } = config;
  const outbox = statusOutbox({ database, clock, timers, onStatus, onFault });
  const runs = runsAtWork({ database, store, outbox, timers, clock, handlers, concurrency, random, onFault });
  let closed = false;
  const requireOpen = (): void => {
    if (closed) throw new Fault('StoreUnavailable', 'the workflow engine is closed');
  };

  /** The run, its first frame, its first event and its first status change: all of them or none. */
  function create(machineName: string, { machine, definition }: LoadedMachine, name: string, input: Json) {
    const startedAt = clock.now();
    const dueAt = startedAt + machine.TimeoutSeconds * 1000;
    return transaction(database, () => {
      const run = store.createRun({ machine: machineName, name, definition, codeVersion, input, startedAt, dueAt });
      if (!run) return undefined;
      const first = { state: machine.StartAt, phase: 'pending', variables: {}, retries: [] } as const;
      store.putFrame({ run: run.id, path: '', ...first, input, enteredAt: startedAt });
      store.appendEvents(run.id, [event('', 'ExecutionStarted', { input })], startedAt);
      outbox.add(run.id, changeOf(run, { status: 'RUNNING' }));
      return run;
    });
  }

  const describe = (run: RunRow) => describeRun(run, run.status === 'RUNNING' ? store.workingState(run.id) : undefined);

  return {
    start: async (machine, name, input) => {
      requireOpen();
      const loaded = machines.get(machine);
      if (!loaded) throw new Fault('ConfigurationInvalid', `there is no machine ${machine}`);
      if (!isRunName(name))
        throw new Fault('InputInvalid', 'the name of a run is at most 80 characters of 0-9, A-Z, a-z, _ and -');
      const run = create(machine, loaded, name, inputOf(input));
      if (!run) return 'exists';
      outbox.deliver();
      runs.takeUp(run);
      return 'started';
    },
    describe: async (machine, name) => {
      const run = store.run(machine, name);
      return run && describe(run);
    },
    list: async (filter) => store.runs(filter).map(describe),
    stop: async (machine, name, reason) => {
      requireOpen();
      const run = store.run(machine, name);
      if (!run) throw new Fault('InputInvalid', `there is no run ${name} of ${machine}`);
      runs.end(run, { status: 'ABORTED', failure: reason });
    },
    history: async (machine, name) => {
      const run = store.run(machine, name);
      return run ? store.events(run.id) : [];
    },
    resume: () => {
      requireOpen();
      outbox.deliver();
      for (const run of store.openRuns()) runs.takeUp(run);
    },
    settled: async () => {
      do {
        await runs.settled();
        await outbox.settled();
      } while (runs.areAny());
    },
    close: async () => {
      closed = true;
      timers.close();
      outbox.close();
      await runs.close();
      await outbox.settled();
    },
  };
}
