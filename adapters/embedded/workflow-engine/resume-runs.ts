import type { EngineParts } from './engine-parts.ts';

/** Runs taken up in one turn: ten thousand at once would hold up the first delivery for seconds. */
const A_TURN = 100;

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes up every open run, some in each turn, the first of them at once. One that cannot be read is told and left. */
export async function resumeRuns({ store, runs, config }: EngineParts, isClosed: () => boolean): Promise<void> {
  let after = 0;
  for (;;) {
    const ids = store.openRuns(after, A_TURN);
    for (const id of ids)
      try {
        runs.takeUp(store.runNumbered(id));
      } catch (fault) {
        config.onFault(fault);
      }
    after = ids.at(-1) ?? 0;
    if (ids.length < A_TURN) return;
    await nextTurn();
    if (isClosed()) return;
  }
}
