import * as z from 'zod';
import type { HeadStore, KeptHead } from '../../core/ports/head-store.ts';
import { guardedAs, type Sqlite } from './sqlite.ts';

const Stored = z.object({ size: z.int(), note: z.string(), seenAt: z.string().nullable() });
const Column = z.object({ name: z.string() });

const headOf = ({ size, note, seenAt }: z.infer<typeof Stored>): KeptHead => ({
  ...{ size, note },
  ...(seenAt === null ? {} : { seenAt }),
});

const guarded = guardedAs('the store of heads');

/** Newest verified heads of foreign logs in SQLite; a head never goes back. */
export function sqliteHeadStore(database: Sqlite): HeadStore {
  database.exec(`CREATE TABLE IF NOT EXISTS foreign_heads (
    log TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL, seen_at TEXT) STRICT, WITHOUT ROWID;`);
  const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all('foreign_heads');
  // Folders made before the time was recorded have a table without it.
  if (!columns.some((column) => Column.parse(column).name === 'seen_at'))
    database.exec('ALTER TABLE foreign_heads ADD COLUMN seen_at TEXT');
  const select = database.prepare('SELECT size, note, seen_at AS seenAt FROM foreign_heads WHERE log = ?');
  const put = database.prepare(
    `INSERT INTO foreign_heads (log, size, note, seen_at) VALUES (?, ?, ?, ?)
     ON CONFLICT (log) DO UPDATE SET size = excluded.size, note = excluded.note, seen_at = excluded.seen_at
     WHERE excluded.size > size OR (excluded.size = size AND seen_at IS NULL)`,
  );
  return {
    load: (log) =>
      guarded(() => {
        const row = select.get(log);
        return row === undefined ? undefined : headOf(Stored.parse(row));
      }),
    save: (log, { size, note, seenAt }) =>
      guarded(() => {
        put.run(log, size, note, seenAt ?? null);
      }),
  };
}
