import { setImmediate as turn } from 'node:timers/promises';
import { openSqlite, type Sqlite } from '../../adapters/embedded/sqlite.ts';
import type { TaskHandler } from '../../adapters/embedded/workflow-engine/call-task.ts';
import { workflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import type { RunStatusChange } from '../../adapters/embedded/workflow-engine/status-outbox.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';

export const MACHINE = 'sample';
const RESOURCE = 'arn:${Partition}:states:::lambda:invoke';

/** A machine of the subset around some states; the first one is where it starts. */
export const machineOf = (states: Readonly<Record<string, unknown>>, more: object = {}) => ({
  QueryLanguage: 'JSONata',
  StartAt: Object.keys(states)[0],
  TimeoutSeconds: 3600,
  States: states,
  ...more,
});

/** A branch of a Parallel or, with a mode, the processor of a Map. */
export const flowOf = (states: Readonly<Record<string, unknown>>, more: object = {}) => ({
  StartAt: Object.keys(states)[0],
  States: states,
  ...more,
});

/** A Task that calls `${…Function}` with its input and gives the answer. */
export const taskState = (name: string, more: object = {}) => ({
  Type: 'Task',
  Comment: 'Retries because the test says so.',
  Resource: RESOURCE,
  Arguments: {
    FunctionName: `\${${name}Function}`,
    Payload: { step: name.toLowerCase(), input: '{% $states.input %}' },
  },
  Output: '{% $states.result.Payload %}',
  TimeoutSeconds: 60,
  ...more,
});

/** A Task whose `${…Function}` gets a token to hand on, and that gives the answer to it. */
export const tokenState = (name: string, more: object = {}) => ({
  Type: 'Task',
  Comment: 'Retries because the test says so.',
  Resource: `${RESOURCE}.waitForTaskToken`,
  Arguments: {
    FunctionName: `\${${name}Function}`,
    Payload: { step: name.toLowerCase(), token: '{% $states.context.Task.Token %}', input: '{% $states.input %}' },
  },
  Output: '{% $states.result %}',
  TimeoutSeconds: 600,
  HeartbeatSeconds: 60,
  ...more,
});

export interface EngineWorldOptions {
  readonly states?: Readonly<Record<string, unknown>>;
  readonly machine?: unknown;
  readonly handlers?: Readonly<Record<string, TaskHandler>>;
  readonly database?: Sqlite;
  readonly clock?: ManualClock;
  readonly concurrency?: number;
  /** Whether the machine may compensate. */
  readonly compensating?: boolean;
  readonly codeVersion?: string;
  readonly keptHistories?: number;
  /** Hashes of the schemas of tasks, by their function. */
  readonly schemas?: Readonly<Record<string, string>>;
  readonly random?: () => number;
  readonly onStatus?: (change: RunStatusChange) => Promise<void>;
}

/** An engine with one machine, `sample`, in memory and on a clock that the test moves. */
export function engineWorld(options: EngineWorldOptions) {
  const { database = openSqlite(':memory:'), clock = manualClock(), handlers = {}, concurrency } = options;
  const changes: RunStatusChange[] = [];
  const faults: unknown[] = [];
  const engine = workflowEngine({
    database,
    clock,
    machines: { [MACHINE]: options.machine ?? machineOf(options.states ?? {}) },
    faults: ['StoreUnavailable', 'LedgerConflict'],
    handlers,
    codeVersion: options.codeVersion ?? 'test',
    schemas: options.schemas ?? {},
    compensating: options.compensating ? [MACHINE] : [],
    random: options.random ?? (() => 0.5),
    onStatus: async (change) => {
      await options.onStatus?.(change);
      changes.push(change);
    },
    onFault: (fault) => {
      faults.push(fault);
    },
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(options.keptHistories === undefined ? {} : { keptHistories: options.keptHistories }),
  });

  const countEvents = database.prepare('SELECT count(*) AS n FROM workflow_events');
  const events = () => JSON.stringify(countEvents.get());
  /** Everything that can happen while the clock stands still. */
  const quiet = async (): Promise<void> => {
    let before: string;
    do {
      before = events();
      for (let turns = 0; turns < 4; turns += 1) await turn();
    } while (events() !== before);
  };
  /** Moves the clock from sleeper to sleeper until no run is at work. */
  const settle = async (): Promise<void> => {
    let settled = false;
    void engine.settled().then(() => {
      settled = true;
    });
    for (let round = 0; round < 50_000; round += 1) {
      await quiet();
      if (settled) return;
      clock.toNextSleeper();
    }
    throw new Error('the engine did not settle');
  };
  const historyTypes = async (name = 'r') => (await engine.history(MACHINE, name)).map(({ type }) => type);
  return {
    engine,
    clock,
    database,
    changes,
    faults,
    quiet,
    settle,
    historyTypes,
    start: (input: unknown = {}, name = 'r') => engine.start(MACHINE, name, input),
    /** Starts a run, takes it to its end and shows it. */
    run: async (input: unknown = {}, name = 'r') => {
      await engine.start(MACHINE, name, input);
      await settle();
      return engine.describe(MACHINE, name);
    },
    /** The next process: the same database and clock, the same machine unless another is given. */
    restart: async (changed: EngineWorldOptions = {}) => {
      await engine.close();
      const next = engineWorld({ ...options, database, clock, ...changed });
      next.engine.resume();
      return next;
    },
  };
}
