import * as z from 'zod';
import type { DeadLetters } from '../../core/ports/dead-letters.ts';
import type { Sqlite } from './sqlite.ts';

const ID = /^status-([1-9][0-9]{0,14})$/;
const Aside = z.object({ seq: z.int(), attempts: z.int(), name: z.string().nullable() });

/**
 * Status changes that the workflow engine could not read and put aside. The sweep records how such a run ended; what is
 * redriven is told by the engine with its next change, for a later program may read it.
 */
export function statusLetters(database: Sqlite): DeadLetters {
  // The engine's own table: in a folder that no server ever ran on there is none.
  const isThere = () =>
    database.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'workflow_outbox'").get() !==
    undefined;
  return {
    list: async (limit) => {
      if (!isThere()) return [];
      const select = database.prepare(
        `SELECT o.seq, o.attempts, r.name FROM workflow_outbox AS o LEFT JOIN workflow_runs AS r ON r.id = o.run
         WHERE o.aside = 1 ORDER BY o.seq LIMIT ?`,
      );
      return select.all(limit).map((found) => {
        const { seq, attempts, name } = Aside.parse(found);
        return {
          id: `status-${seq}`,
          ...(name === null ? {} : { run: name }),
          tries: attempts + 1,
          reason: 'InputInvalid',
        };
      });
    },
    redrive: async (id) => {
      const seq = id === undefined ? null : ID.exec(id)?.[1];
      if (seq === undefined || !isThere()) return 0;
      const again = database.prepare(
        'UPDATE workflow_outbox SET aside = 0, attempts = 0, due_at = 0 WHERE aside = 1 AND seq = coalesce(?, seq)',
      );
      return Number(again.run(seq === null ? null : Number(seq)).changes);
    },
  };
}

/** Several kinds of letters as one; their ids tell them apart. */
export const allLetters = (...kinds: readonly DeadLetters[]): DeadLetters => ({
  list: async (limit) => (await Promise.all(kinds.map(({ list }) => list(limit)))).flat().slice(0, limit),
  redrive: async (id) => {
    const counts = await Promise.all(kinds.map(({ redrive }) => redrive(id)));
    return counts.reduce((sum, count) => sum + count, 0);
  },
});
