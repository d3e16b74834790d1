import type { Json, JsonObject } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';

/**
 * - `pending`: a child whose turn has not come; its first state is not entered yet.
 * - `entered`: the state is entered and nothing of it is done.
 * - `scheduled`: a task is called; it is called again after a restart, until `dueAt`.
 * - `submitted`: a task has handed its token on and returned; it is not called again, the token is answered or times out.
 * - `answered`: the token was answered; the answer counts whatever happens next.
 * - `waiting`: a Wait, until `dueAt`.
 * - `forked`: the children of a Parallel or Map have frames of their own.
 * - `backing-off`: a Retry waits until `dueAt`.
 * - `done`, `failed`: the end of this path; the frame stays until its parent leaves the state.
 */
export const PHASES = [
  'pending',
  'entered',
  'scheduled',
  'submitted',
  'answered',
  'waiting',
  'forked',
  'backing-off',
  'done',
  'failed',
] as const;
export type Phase = (typeof PHASES)[number];

export interface Failure {
  readonly error: string;
  readonly cause: string;
  /** The state in which it began; an enclosing Parallel or Map only passes it on. */
  readonly state: string;
}

/** How a task's token was answered. */
export type TokenReply = { readonly output: Json } | { readonly error: string; readonly cause: string };

/** What a task waits with for its answer. Stored before anybody is told the token. */
export interface TokenWait {
  readonly value: string;
  readonly heartbeatMs: number;
  /** The token is gone unless a heartbeat comes before this instant (ms since the epoch). */
  readonly heartbeatDueAt: number;
}

/**
 * Where one path of a run stands. The root has the path ``; the n-th child of the Parallel or Map that a path is in adds
 * `/n`. Everything a restart needs is here; an attempt of a task is named by (run, path, state, attempt).
 */
export interface Frame {
  readonly run: number;
  readonly path: string;
  readonly state: string;
  readonly phase: Phase;
  /** Input of the state. */
  readonly input: Json;
  /** Variables this path assigned; those of enclosing paths are in their frames. */
  readonly variables: JsonObject;
  /** How often each retrier of the state was used, by its place. */
  readonly retries: readonly number[];
  /** When the state was entered (ms since the epoch). */
  readonly enteredAt: number;
  /** When the phase ends by itself (ms since the epoch): time-out of the task, end of a Wait or of a back-off. */
  readonly dueAt?: number;
  readonly token?: TokenWait;
  readonly answer?: TokenReply;
  /** Output of a path that is done. */
  readonly output?: Json;
  readonly failure?: Failure;
}

/** The frame without what belongs to one attempt of its state: a deadline, a token, an answer. */
export const withoutAttempt = ({ dueAt: _due, token: _token, answer: _answer, ...frame }: Frame): Frame => frame;

export const attemptOf = ({ retries }: Frame): number => retries.reduce((sum, count) => sum + count, 0);

/** A path that failed, as its parent sees it. */
export class PathFailed extends StateError {
  readonly state: string;
  constructor({ error, cause, state }: Failure) {
    super(error, cause);
    this.state = state;
  }
}

/** An event of a run's history, in the vocabulary of Step Functions. */
export interface HistoryEvent {
  readonly id: number;
  readonly type: string;
  readonly at: string;
  /** Which path of the run: `` is the root. */
  readonly path: string;
  readonly details: JsonObject;
}
export type NewEvent = Pick<HistoryEvent, 'type' | 'path' | 'details'>;

/** The token of a task was answered while a failure of the same attempt was being written: the answer counts. */
export class AnsweredMeanwhile extends Error {
  override readonly name = 'AnsweredMeanwhile';
}

/** A task has answered, but the state's own Output or Assign fails on the answer: the history tells both. */
export class AnswerUnusable extends StateError {
  readonly events: readonly NewEvent[];
  constructor({ error, message }: StateError, events: readonly NewEvent[]) {
    super(error, message);
    this.events = events;
  }
}
