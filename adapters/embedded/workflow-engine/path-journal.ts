import type { Clock } from '../../../core/ports/clock.ts';
import type { Frame, NewEvent } from './frame.ts';
import type { DrivenRun } from './run-context.ts';

/** What a step of a path changes, all or nothing. */
export interface Transition {
  /** Where the path stands after it; without one its frame stays as it is. */
  readonly frame?: Frame;
  readonly events: readonly NewEvent[];
  /** Throws when the transition may no longer be made. Called before anything of it is written. */
  require?(): void;
  /** Writes what else belongs to it. */
  also?(): void;
}

/**
 * How one path is written. A transition that nobody can have seen yet (a state is left, the next is entered, a condition is
 * evaluated) may wait for the first that somebody can (a task is called, a Wait begins, the path ends), and is made durable
 * with it: a death before that takes the path back to where it stood, and the same steps are taken again.
 */
export interface PathJournal {
  /** Writes the transition with what was put off before it. Resolves once all of it is durable. */
  write(transition: Transition, signal?: AbortSignal): Promise<void>;
  /** Leaves the transition to the next write, unless too much has been put off already. */
  putOff(transition: Transition): Promise<void>;
  /** Resolves when nothing is put off. */
  flush(): Promise<void>;
  /** Events put off. */
  unwritten(): number;
}

/** A path that only passes and chooses is written now and then, so that it can be watched, and stopped. */
const MOST_PUT_OFF = 8;

interface JournalParts extends Pick<DrivenRun, 'run' | 'store' | 'commit'> {
  readonly clock: Clock;
}

/** The journal of one path while this process drives it. When a write fails the path is driven anew, from its frame. */
export function pathJournal({ run, store, clock, commit }: JournalParts, pathSignal: AbortSignal): PathJournal {
  let putOff: Transition[] = [];

  async function write(transition: Transition, signal = pathSignal): Promise<void> {
    const before = putOff;
    putOff = [];
    const frame = transition.frame ?? before.at(-1)?.frame;
    const events = [...before, transition].flatMap((one) => one.events);
    await commit(signal, () => {
      transition.require?.();
      if (frame) store.putFrame(frame);
      store.appendEvents(run.id, events, clock.now());
      for (const { also } of before) also?.();
      transition.also?.();
    });
  }

  return {
    write,
    putOff: async (transition) => {
      if (putOff.length >= MOST_PUT_OFF) await write(transition);
      else putOff.push(transition);
    },
    flush: async () => {
      if (putOff.length > 0) await write({ events: [] });
    },
    unwritten: () => putOff.reduce((sum, { events }) => sum + events.length, 0),
  };
}
