import type { Json } from '../../../core/asl/json.ts';
import { StateError } from '../../../core/asl/state-error.ts';
import type { Clock } from '../../../core/ports/clock.ts';
import type { TokenAnswer } from '../../../core/ports/workflows.ts';
import { orCancelled } from './cancellation.ts';
import type { TokenReply } from './frame.ts';
import type { FramePlace } from './frame-store.ts';
import type { WorkflowStore } from './store.ts';
import type { Timers } from './timers.ts';

/** Where tokens are answered. Each answer is durable before it is told, whether or not anybody works on the run. */
export interface Tokens {
  succeed(token: string, output: Json): Promise<TokenAnswer>;
  fail(token: string, failure: { readonly error: string; readonly cause: string }): Promise<TokenAnswer>;
  beat(token: string): Promise<TokenAnswer>;
  /** Resolves when the frame has changed, or at the instant; rejects with `Cancelled` when the signal aborts. */
  news(place: FramePlace, instant: number, signal: AbortSignal): Promise<void>;
  /** Wakes whoever waits for news of the frame. */
  tell(place: FramePlace): void;
}

export interface TokensConfig {
  readonly store: WorkflowStore;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Resolves once what `work` wrote is durable. */
  write<T>(work: () => T): Promise<T>;
}

export function createTokens({ store, clock, timers, write }: TokensConfig): Tokens {
  const waiting = new Map<string, () => void>();
  const keyOf = ({ run, path }: FramePlace): string => `${run}${path}`;
  const tell = (place: FramePlace): void => waiting.get(keyOf(place))?.();

  async function change(work: () => FramePlace | undefined): Promise<TokenAnswer> {
    const place = await write(work);
    if (!place) return 'gone';
    tell(place);
    return 'accepted';
  }
  const answer = (token: string, reply: TokenReply) => change(() => store.answerToken(token, reply, clock.now()));

  return {
    succeed: (token, output) => answer(token, { output }),
    fail: (token, failure) => {
      const { error, message: cause } = new StateError(failure.error, failure.cause);
      return answer(token, { error, cause });
    },
    beat: (token) => change(() => store.beatToken(token, clock.now())),
    tell,
    news: async (place, instant, signal) => {
      const key = keyOf(place);
      let callOff = () => {};
      const told = new Promise<void>((resolve) => {
        waiting.set(key, resolve);
        callOff = timers.at(instant, resolve);
      });
      try {
        await orCancelled(told, signal);
      } finally {
        waiting.delete(key);
        callOff();
      }
    },
  };
}
