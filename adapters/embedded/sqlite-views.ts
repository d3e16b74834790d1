import * as z from 'zod';
import type { Views } from '../../core/ports/views.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const StoredTerm = z.object({ at: z.int(), leaf: Sha256Hex });
const StoredWatermark = z.object({ up_to: z.int() });

/** Search rows in SQLite: one per entry and term. They can be deleted and projected again at any time. */
export function sqliteViews(database: Sqlite): Views {
  database.exec(`
    CREATE TABLE IF NOT EXISTS view_terms (
      tenant TEXT NOT NULL, field TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL, leaf TEXT NOT NULL,
      PRIMARY KEY (tenant, field, value, at)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS view_watermarks (tenant TEXT PRIMARY KEY, up_to INTEGER NOT NULL) STRICT;`);
  const putTerm = database.prepare(
    'INSERT OR REPLACE INTO view_terms (tenant, field, value, at, leaf) VALUES (?, ?, ?, ?, ?)',
  );
  const putWatermark = database.prepare(
    'INSERT INTO view_watermarks (tenant, up_to) VALUES (?, ?) ON CONFLICT (tenant) DO UPDATE SET up_to = max(up_to, excluded.up_to)',
  );
  const selectWatermark = database.prepare('SELECT up_to FROM view_watermarks WHERE tenant = ?');
  const select = database.prepare(
    'SELECT at, leaf FROM view_terms WHERE tenant = ? AND field = ? AND value = ? AND at < ? ORDER BY at DESC LIMIT ?',
  );
  return {
    put: async (tenant, rows, upTo) =>
      transaction(database, () => {
        for (const { index, leaf, terms } of rows)
          for (const { field, value } of terms) putTerm.run(tenant, field, value, index, leaf);
        putWatermark.run(tenant, upTo);
      }),
    watermark: async (tenant) => StoredWatermark.optional().parse(selectWatermark.get(tenant))?.up_to ?? 0,
    find: async (tenant, field, value, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      select.all(tenant, field, value, before, limit).map((found) => {
        const { at, leaf } = StoredTerm.parse(found);
        return { index: at, leaf };
      }),
  };
}
