import { setMaxListeners } from 'node:events';
import { Fault } from '../../../core/faults.ts';
import type { TaskHandler } from './call-task.ts';
import { CANCELLED, Cancelled } from './cancellation.ts';
import { changedFunctions, type RunningCode } from './code-version.ts';
import type { Commits } from './commits.ts';
import { drivePath } from './drive-path.ts';
import { PathFailed } from './frame.ts';
import type { Packer } from './pack-histories.ts';
import type { DrivenRun } from './run-context.ts';
import { type EndingParts, type OutsideEnding, TIMED_OUT, writeEnd, writeOutsideEnd } from './run-end.ts';
import { createSlots, type Slots } from './slots.ts';
import type { RunRow } from './store.ts';
import { tenantOf } from './tenants.ts';
import { type Timers, waitUntil } from './timers.ts';
import type { Tokens } from './tokens.ts';

export interface RunsAtWorkConfig extends EndingParts, RunningCode {
  readonly commits: Commits;
  readonly tokens: Tokens;
  readonly packer: Packer;
  readonly timers: Timers;
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  readonly concurrency: number;
  random(): number;
  onFault(fault: unknown): void;
}

/** A run that takes no step: the tasks it calls are others than when it was started. */
export interface HeldRun {
  readonly machine: string;
  readonly name: string;
  /** Functions whose schemas have changed since. */
  readonly functions: readonly string[];
}

/** The runs that this process takes to their end. */
export interface RunsAtWork {
  /** Takes a run up where its frames stand, or holds it; one that is at work already is left alone. */
  takeUp(run: RunRow): void;
  held(): HeldRun[];
  /** Ends a run from outside, durably. Nothing happens to one that has ended. */
  end(run: RunRow, ending: OutsideEnding): Promise<void>;
  /** Resolves when nobody works on the run any more, which is soon after its end. */
  released(run: RunRow): Promise<void>;
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

interface Held extends HeldRun {
  unwatch(): void;
}

/** What is at work and held in this process. */
interface Floor {
  readonly config: RunsAtWorkConfig;
  readonly slots: Slots;
  readonly atWork: Map<number, AtWork>;
  readonly held: Map<number, Held>;
  closed: boolean;
}

const LONGEST_PAUSE_MS = 60_000;
const pauseMs = (failures: number): number => Math.min(1000 * 2 ** Math.min(failures, 10), LONGEST_PAUSE_MS);

function contextOf({ config, slots }: Floor, run: RunRow): DrivenRun {
  const { store, commits, clock, timers, tokens, handlers, random, machineOf } = config;
  return {
    ...{ run, store, clock, timers, slots, tokens, handlers, random },
    tenant: tenantOf(run.input),
    machine: machineOf(run),
    commit: (signal, work) =>
      commits.write(() => {
        if (signal.aborted || !store.isRunning(run.id)) throw new Cancelled();
        work();
      }),
    end: (ending) => {
      if (!writeEnd(config, run, ending)) throw new Cancelled();
    },
  };
}

async function end({ config, atWork, held }: Floor, run: RunRow, ending: OutsideEnding): Promise<void> {
  await config.commits.write(() => writeOutsideEnd(config, run, ending));
  atWork.get(run.id)?.controller.abort(CANCELLED);
  held.get(run.id)?.unwatch();
  held.delete(run.id);
  config.outbox.deliver();
}

/** Ends the run at its deadline; as often as it takes, for nothing else would end it. */
function watchDeadline(floor: Floor, run: RunRow): () => void {
  const { timers, clock, onFault } = floor.config;
  let callOff = () => {};
  const timeOut = (): void => {
    end(floor, run, TIMED_OUT).catch((fault: unknown) => {
      onFault(fault);
      callOff = timers.at(clock.now() + pauseMs(0), timeOut);
    });
  };
  callOff = timers.at(run.due_at, timeOut);
  return () => callOff();
}

/**
 * What no state can fail with (a full disk, a bug of ours) ends no run: it is told, and the run goes on from its frames
 * after a pause, until the time-out of the machine.
 */
async function drive(floor: Floor, run: RunRow, signal: AbortSignal): Promise<void> {
  const { store, timers, clock, onFault } = floor.config;
  for (let failures = 0; ; failures += 1) {
    try {
      // A commit that seemed to fail may have ended it.
      if (!store.isRunning(run.id)) return;
      const context = contextOf(floor, run);
      await drivePath(context, { path: '', outer: {}, signal }, context.machine);
      return;
    } catch (error) {
      if (error instanceof PathFailed || error instanceof Cancelled || signal.aborted) return;
      onFault(error);
    }
    await waitUntil(timers, clock.now() + pauseMs(failures), signal);
  }
}

async function work(floor: Floor, run: RunRow, { signal }: AbortController): Promise<void> {
  const { timers, clock, outbox, packer, onFault } = floor.config;
  const unwatch = watchDeadline(floor, run);
  try {
    // One whose time is up while nobody worked on it takes no further step.
    if (clock.now() >= run.due_at) await waitUntil(timers, Number.MAX_SAFE_INTEGER, signal);
    else await drive(floor, run, signal);
  } catch (error) {
    if (!(error instanceof Cancelled)) onFault(error);
  } finally {
    unwatch();
    floor.atWork.delete(run.id);
    outbox.deliver();
    packer.poke();
  }
}

/** Takes no step of a run whose tasks might misread what it has stored; its time-out still ends it. */
function hold(floor: Floor, run: RunRow, functions: readonly string[]): void {
  const { machine, name } = run;
  floor.held.set(run.id, { machine, name, functions, unwatch: watchDeadline(floor, run) });
  const changed = `the schemas of ${functions.join(', ')} have changed since its code version ${run.code_version}`;
  floor.config.onFault(new Fault('ConfigurationInvalid', `the run ${name} of ${machine} is held: ${changed}`));
}

function takeUp(floor: Floor, run: RunRow): void {
  const { atWork, held, config } = floor;
  if (floor.closed || atWork.has(run.id) || held.has(run.id)) return;
  const changed = changedFunctions(run, config);
  if (changed.length > 0) {
    hold(floor, run, changed);
    return;
  }
  const controller = new AbortController();
  // Each path at work listens, and a Map may have forty.
  setMaxListeners(0, controller.signal);
  // Begins in a later turn, so that what it ends with finds the run at work.
  const ended = Promise.resolve().then(() => work(floor, run, controller));
  atWork.set(run.id, { controller, work: ended });
}

export function runsAtWork(config: RunsAtWorkConfig): RunsAtWork {
  const { concurrency } = config;
  const floor: Floor = { config, slots: createSlots(concurrency), atWork: new Map(), held: new Map(), closed: false };
  const { atWork, held } = floor;
  const settled = async (): Promise<void> => {
    while (atWork.size > 0) await Promise.all([...atWork.values()].map(({ work: ended }) => ended));
  };
  return {
    takeUp: (run) => takeUp(floor, run),
    held: () => [...held.values()].map(({ unwatch: _unwatch, ...run }) => run),
    end: (run, ending) => end(floor, run, ending),
    released: async (run) => {
      await atWork.get(run.id)?.work;
    },
    areAny: () => atWork.size > 0,
    settled,
    close: async () => {
      floor.closed = true;
      for (const { controller } of atWork.values()) controller.abort(CANCELLED);
      await settled();
    },
  };
}
