/** Work that is done when poked and now and then, never twice at once. */
export interface Pump {
  poke(): void;
  /** Resolves when the work under way is done; nothing follows it. */
  stop(): Promise<void>;
}

export function startPump(work: () => Promise<void>, everyMs: number, onFault: (fault: unknown) => void): Pump {
  let stopped = false;
  let poked = false;
  let working: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    do {
      poked = false;
      try {
        await work();
      } catch (fault) {
        onFault(fault);
      }
    } while (poked && !stopped);
  };
  const poke = (): void => {
    if (stopped) return;
    poked = true;
    working ??= run().finally(() => {
      working = undefined;
      // A poke that came after the last look and before this line must not be lost.
      if (poked) poke();
    });
  };
  const timer = setInterval(poke, everyMs);
  return {
    poke,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await working;
    },
  };
}
