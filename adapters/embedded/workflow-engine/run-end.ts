import type { Clock } from '../../../core/ports/clock.ts';
import { abortEvents } from './abort-events.ts';
import type { MachineOf } from './definitions.ts';
import type { NewEvent } from './frame.ts';
import { event } from './run-context.ts';
import type { StatusOutbox } from './status-outbox.ts';
import { changeOf, type RunEnding, type RunRow, type WorkflowStore } from './store.ts';

export interface EndingParts {
  readonly store: WorkflowStore;
  readonly outbox: StatusOutbox;
  readonly clock: Clock;
  readonly machineOf: MachineOf;
}

/** An end that no state of the run brought about. */
export interface OutsideEnding {
  readonly status: 'TIMED_OUT' | 'ABORTED';
  readonly failure: { readonly error: string; readonly cause: string };
}

export const TIMED_OUT: OutsideEnding = {
  status: 'TIMED_OUT',
  failure: { error: 'States.Timeout', cause: 'The run did not end within the TimeoutSeconds of its machine.' },
};

const ENDED = {
  SUCCEEDED: 'ExecutionSucceeded',
  FAILED: 'ExecutionFailed',
  TIMED_OUT: 'ExecutionTimedOut',
  ABORTED: 'ExecutionAborted',
} as const;

/**
 * Writes the end of a run, after what else its history is to say; to be called in a transaction. False when it had ended
 * before, and then nothing is written.
 */
export function writeEnd(
  { store, outbox, clock }: EndingParts,
  run: RunRow,
  ending: RunEnding,
  before: readonly NewEvent[] = [],
): boolean {
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

/** Writes an end from outside, and what it interrupts; to be called in a transaction. */
export function writeOutsideEnd(parts: EndingParts, run: RunRow, { status, failure }: OutsideEnding): void {
  const { store, machineOf } = parts;
  const state = store.workingState(run.id);
  const aborted = status === 'ABORTED' ? abortEvents(machineOf(run), store.frames(run.id)) : [];
  writeEnd(parts, run, { status, failure: { ...failure, ...(state === undefined ? {} : { state }) } }, aborted);
}
