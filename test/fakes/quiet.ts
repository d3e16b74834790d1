import { setImmediate as turn } from 'node:timers/promises';
import type { Sqlite } from '../../adapters/embedded/sqlite.ts';

/** Waits for everything that the engine of a database can do while the clock stands still. */
export function quietOf(database: Sqlite): () => Promise<void> {
  const countEvents = database.prepare('SELECT count(*) AS n FROM workflow_events');
  const events = () => JSON.stringify(countEvents.get());
  return async () => {
    let before: string;
    do {
      before = events();
      for (let turns = 0; turns < 4; turns += 1) await turn();
    } while (events() !== before);
  };
}
