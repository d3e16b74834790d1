import { setMaxListeners } from 'node:events';
import { StateMachine } from '../../../core/asl/definition.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import { type Sqlite, transaction } from '../sqlite.ts';
import { abortEvents } from './abort-events.ts';
import type { TaskHandler } from './call-task.ts';
import { Cancelled } from './cancellation.ts';
import { drivePath } from './drive-path.ts';
import { type NewEvent, PathFailed } from './frame.ts';
import { type DrivenRun, event } from './run-context.ts';
import { createSlots } from './slots.ts';
import type { StatusOutbox } from './status-outbox.ts';
import { changeOf, type RunEnding, type RunRow, type WorkflowStore } from './store.ts';
import { type Timers, waitUntil } from './timers.ts';

export interface RunsAtWorkConfig {
  readonly database: Sqlite;
  readonly store: WorkflowStore;
  readonly outbox: StatusOutbox;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  readonly concurrency: number;
  random(): number;
  onFault(fault: unknown): void;
}

/** An end that no state of the run brought about. */
export interface OutsideEnding {
  readonly status: 'TIMED_OUT' | 'ABORTED';
  readonly failure: { readonly error: string; readonly cause: string };
}

/** The runs that this process takes to their end. */
export interface RunsAtWork {
  /** Takes a run up where its frames stand; one that is at work already is left alone. */
  takeUp(run: RunRow): void;
  /** Ends a run from outside. Nothing happens to one that has ended. */
  end(run: RunRow, ending: OutsideEnding): void;
  areAny(): boolean;
  /** Resolves when no run is at work. */
  settled(): Promise<void>;
  /** Lets go of every run; resolves when none of them can write any more. */
  close(): Promise<void>;
}

interface AtWork {
  readonly controller: AbortController;
  readonly work: Promise<void>;
}

const LONGEST_PAUSE_MS = 60_000;
const pauseMs = (failures: number): number => Math.min(1000 * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS);

const TIMED_OUT: OutsideEnding = {
  status: 'TIMED_OUT',
  failure: { error: 'States.Timeout', cause: 'The run did not end within the TimeoutSeconds of its machine.' },
};
const ENDED = {
  SUCCEEDED: 'ExecutionSucceeded',
  FAILED: 'ExecutionFailed',
  TIMED_OUT: 'ExecutionTimedOut',
  ABORTED: 'ExecutionAborted',
} as const;

export function runsAtWork(config: RunsAtWorkConfig): RunsAtWork {
  const { database, store, outbox, timers, clock, onFault } = config;
  const slots = createSlots(config.concurrency);
  const atWork = new Map<number, AtWork>();
  let closed = false;

  /** The machine as it was when the run started; its rules were checked then. */
  const machineOf = (run: RunRow): StateMachine => StateMachine.parse(store.definition(run.definition));

  /** Writes the end of a run, after what else its history is to say; to be called in a transaction. */
  function writeEnd(run: RunRow, ending: RunEnding, before: readonly NewEvent[] = []): boolean {
    const now = clock.now();
    if (!store.endRun(run.id, ending, now)) return false;
    const { status, output, failure } = ending;
    const details = failure ? { error: failure.error, cause: failure.cause } : { output: output ?? null };
    store.appendEvents(run.id, [...before, event('', ENDED[status], details)], now);
    // The frames of a run that did not succeed stay: a redrive begins there.
    if (status === 'SUCCEEDED') store.removeFrames(run.id);
    outbox.add(run.id, changeOf(run, ending));
    return true;
  }

  function contextOf(run: RunRow): DrivenRun {
    return {
      run,
      machine: machineOf(run),
      store,
      clock,
      timers,
      slots,
      handlers: config.handlers,
      random: config.random,
      commit: (signal, work) => {
        if (signal.aborted) throw new Cancelled();
        transaction(database, work);
      },
      end: (ending) => {
        if (!writeEnd(run, ending)) throw new Cancelled();
      },
    };
  }

  const end = (run: RunRow, { status, failure }: OutsideEnding): void => {
    transaction(database, () => {
      const state = store.workingState(run.id);
      const aborted = status === 'ABORTED' ? abortEvents(machineOf(run), store.frames(run.id)) : [];
      writeEnd(run, { status, failure: { ...failure, ...(state === undefined ? {} : { state }) } }, aborted);
    });
    atWork.get(run.id)?.controller.abort();
    outbox.deliver();
  };

  /** Ends the run at its deadline; as often as it takes, for nothing else would end it. */
  function watchDeadline(run: RunRow, at: number): () => void {
    let callOff = () => {};
    const timeOut = (): void => {
      try {
        end(run, TIMED_OUT);
      } catch (fault) {
        onFault(fault);
        callOff = timers.at(clock.now() + pauseMs(0), timeOut);
      }
    };
    callOff = timers.at(at, timeOut);
    return () => callOff();
  }

  /**
   * What no state can fail with (a full disk, a bug of ours) ends no run: it is told, and the run goes on from its frames
   * after a pause, until the time-out of the machine.
   */
  async function drive(run: RunRow, signal: AbortSignal): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      try {
        // A commit that seemed to fail may have ended it.
        if (store.run(run.machine, run.name)?.status !== 'RUNNING') return;
        const context = contextOf(run);
        await drivePath(context, { path: '', outer: {}, signal }, context.machine);
        return;
      } catch (error) {
        if (error instanceof PathFailed || error instanceof Cancelled || signal.aborted) return;
        onFault(error);
      }
      await waitUntil(timers, clock.now() + pauseMs(failures), signal);
    }
  }

  async function work(run: RunRow, controller: AbortController): Promise<void> {
    const unwatch = watchDeadline(run, run.due_at);
    try {
      // One whose time is up while nobody worked on it takes no further step.
      if (clock.now() >= run.due_at) await waitUntil(timers, Number.MAX_SAFE_INTEGER, controller.signal);
      else await drive(run, controller.signal);
    } catch (error) {
      if (!(error instanceof Cancelled)) onFault(error);
    } finally {
      unwatch();
      atWork.delete(run.id);
      outbox.deliver();
    }
  }

  const settled = async (): Promise<void> => {
    while (atWork.size > 0) await Promise.all([...atWork.values()].map(({ work: ended }) => ended));
  };

  return {
    takeUp: (run) => {
      if (closed || atWork.has(run.id)) return;
      const controller = new AbortController();
      // Each path at work listens, and a Map may have forty.
      setMaxListeners(0, controller.signal);
      // Begins in a later turn, so that what it ends with finds the run at work.
      const ended = Promise.resolve().then(() => work(run, controller));
      atWork.set(run.id, { controller, work: ended });
    },
    end,
    areAny: () => atWork.size > 0,
    settled,
    close: async () => {
      closed = true;
      for (const { controller } of atWork.values()) controller.abort();
      await settled();
    },
  };
}
