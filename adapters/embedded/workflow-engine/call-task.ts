import { type Json, parseJson } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import { CANCELLED, orCancelled } from './cancellation.ts';
import { requirePayload } from './limits.ts';
import type { Timers } from './timers.ts';

/** A task bound to its deps. The signal aborts when nobody waits for the answer any more. */
export type TaskHandler = (payload: unknown, options: { readonly signal: AbortSignal }) => Promise<unknown>;

export interface TaskRequest {
  readonly handler: TaskHandler;
  readonly payload: Json;
}

export interface TaskCall extends TaskRequest {
  /** Instant of the time-out, in ms since the epoch. */
  readonly dueAt: number;
}

const failureOf = (error: unknown): StateError =>
  error instanceof Error
    ? new StateError(error.name || 'Error', error.message)
    : new StateError('Error', typeof error === 'string' ? error : 'a task threw something that is no error');

/** The answer as it would come back from Lambda: JSON, and nothing becomes null. */
function answerOf(result: unknown): Json {
  let text: string | undefined;
  try {
    text = JSON.stringify(result);
  } catch (error) {
    throw new StateError(
      'Runtime.MarshalError',
      error instanceof Error ? error.message : 'the answer has no JSON form',
    );
  }
  return requirePayload(text === undefined ? null : parseJson(text), 'The answer of the task');
}

async function invoke({ handler, payload }: TaskRequest, signal: AbortSignal): Promise<unknown> {
  try {
    return await handler(structuredClone(payload), { signal });
  } catch (error) {
    throw failureOf(error);
  }
}

/** Calls a task that only hands a token on: what it returns is dropped, what it throws is told as by `callTask`. */
export async function requestTask(request: TaskRequest, signal: AbortSignal): Promise<void> {
  await orCancelled(invoke(request, signal), signal);
}

/**
 * Calls a task once. The handler gets its own copy of the payload; after a time-out or a cancelled run it is told by the
 * signal, and what it gives later is dropped. Throws what Retry matches: the name of what the task threw, its message as
 * cause and never its stack, or `States.Timeout`.
 */
export async function callTask(call: TaskCall, timers: Timers, signal: AbortSignal): Promise<Json> {
  const abandon = new AbortController();
  let callOff = () => {};
  const timeout = new Promise<never>((_resolve, reject) => {
    callOff = timers.at(call.dueAt, () => reject(new StateError('States.Timeout', 'The task did not answer in time.')));
  });
  try {
    return answerOf(await orCancelled(Promise.race([invoke(call, abandon.signal), timeout]), signal));
  } finally {
    callOff();
    abandon.abort(CANCELLED);
  }
}
