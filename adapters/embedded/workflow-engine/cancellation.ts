import { setMaxListeners } from 'node:events';

/** Thrown where work goes on after its run was stopped, timed out or failed elsewhere. Nothing more may be written. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

/** Why any signal of ours aborts. One for all: made anew each time it would cost a stack trace each time. */
export const CANCELLED = new Cancelled();

/** A controller that is aborted with its parent. `release` ends the tie; else a long run would gather listeners. */
export function childController(parent: AbortSignal): { controller: AbortController; release(): void } {
  const controller = new AbortController();
  // As many children listen as a Map has items at work; Node would warn of a leak from the eleventh on.
  setMaxListeners(0, controller.signal);
  const abort = () => controller.abort(CANCELLED);
  if (parent.aborted) abort();
  parent.addEventListener('abort', abort, { once: true });
  return { controller, release: () => parent.removeEventListener('abort', abort) };
}

/** The promise, or `Cancelled` as soon as the signal aborts; what the promise gives later is dropped. */
export function orCancelled<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = () => reject(new Cancelled());
    if (signal.aborted) cancel();
    signal.addEventListener('abort', cancel, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', cancel));
  });
}
