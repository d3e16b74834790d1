import * as z from 'zod';
import type { HeadStore } from '../../core/ports/head-store.ts';
import type { Sqlite } from './sqlite.ts';

const Stored = z.object({ size: z.int(), note: z.string() });

/** Newest verified heads of foreign logs in SQLite; a head never goes back. */
export function sqliteHeadStore(database: Sqlite): HeadStore {
  database.exec(`CREATE TABLE IF NOT EXISTS foreign_heads (
    log TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL) STRICT, WITHOUT ROWID;`);
  const select = database.prepare('SELECT size, note FROM foreign_heads WHERE log = ?');
  const put = database.prepare(
    `INSERT INTO foreign_heads VALUES (?, ?, ?)
     ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note WHERE excluded.size > size`,
  );
  return {
    load: async (log) => Stored.optional().parse(select.get(log)),
    save: async (log, { size, note }) => {
      put.run(log, size, note);
    },
  };
}
