import type { State, StateMachine } from '../../../core/asl/definition.ts';
import type { Bindings } from '../../../core/asl/expression.ts';
import type { Json, JsonObject } from '../../../core/asl/json.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { TaskHandler } from './call-task.ts';
import { attemptOf, type Frame, type NewEvent, type TokenWait } from './frame.ts';
import type { PathJournal } from './path-journal.ts';
import type { Slots } from './slots.ts';
import type { RunEnding, RunRow, WorkflowStore } from './store.ts';
import type { Timers } from './timers.ts';
import type { Tokens } from './tokens.ts';

/** What the paths of one run share. */
export interface DrivenRun {
  readonly run: RunRow;
  /** Whose turn its tasks take. */
  readonly tenant: string;
  readonly machine: StateMachine;
  readonly store: WorkflowStore;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly slots: Slots;
  readonly tokens: Tokens;
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  /** A number in [0, 1), for the jitter of a Retry. */
  random(): number;
  /**
   * Resolves once what `work` wrote, all or nothing, is durable. When the signal has aborted or the run has ended nothing is
   * written: `Cancelled`.
   */
  commit(signal: AbortSignal, work: () => void): Promise<void>;
  /** Ends the run; to be called in the transaction of its last transition. */
  end(ending: RunEnding): void;
}

/** One path of a run and what encloses it. */
export interface PathPlace {
  readonly path: string;
  /** Variables of the enclosing paths. They stand still while this path runs. */
  readonly outer: JsonObject;
  readonly signal: AbortSignal;
  /** Name of the Map whose iteration this path is. */
  readonly iterationOf?: string;
}

/** A path while it is driven. */
export interface PathContext extends PathPlace {
  readonly journal: PathJournal;
}

/** Without a fraction that is zero: https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
const iso = (instant: number): string => new Date(instant).toISOString().replace('.000Z', 'Z');

/** What the expressions of a state read. */
export function bindingsOf({ run }: DrivenRun, { outer }: PathPlace, frame: Frame, token?: TokenWait): Bindings {
  return {
    variables: { ...outer, ...frame.variables },
    states: {
      input: frame.input,
      context: {
        Execution: {
          Name: run.name,
          Input: run.input,
          StartTime: iso(run.started_at),
          RedriveCount: run.redrives,
        },
        State: { Name: frame.state, EnteredTime: iso(frame.enteredAt), RetryCount: attemptOf(frame) },
        ...(token ? { Task: { Token: token.value } } : {}),
      },
    },
  };
}

export const event = (path: string, type: string, details: JsonObject = {}): NewEvent => ({ path, type, details });

export const enteredEvent = (path: string, state: State, name: string, input: Json): NewEvent =>
  event(path, `${state.Type}StateEntered`, { name, input });

/** What a state gives when it is done. */
export interface Outcome {
  readonly output: Json;
  readonly assigned: JsonObject;
  /** Undefined ends the path. */
  readonly next: string | undefined;
  readonly events: readonly NewEvent[];
}

export const iterationOf = (path: string): number => Number(path.slice(path.lastIndexOf('/') + 1));
