import * as z from 'zod';
import { observeTag, type RememberedTag } from '../../core/ingest/tag-state.ts';
import type { TagState, TagTable } from '../../core/ports/tag-table.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const StoredTag = z.object({ target: z.string().nullable(), generation: z.int() });
const StoredState = z.object({
  change: z.enum(['created', 'moved', 'republished', 'deleted']),
  generation: z.int(),
  previous: z.string().nullable(),
});

/** The tag table in SQLite; the answer to each event is kept, so that a retry is answered as before. */
export function sqliteTagTable(database: Sqlite): TagTable {
  database.exec(`
    CREATE TABLE IF NOT EXISTS tags (
      tenant TEXT NOT NULL, kind TEXT NOT NULL, host TEXT NOT NULL, repository TEXT NOT NULL, tag TEXT NOT NULL,
      target TEXT, generation INTEGER NOT NULL, PRIMARY KEY (tenant, kind, host, repository, tag)) STRICT;
    CREATE TABLE IF NOT EXISTS tag_observations (
      tenant TEXT NOT NULL, event_id TEXT NOT NULL, change TEXT NOT NULL, generation INTEGER NOT NULL, previous TEXT,
      PRIMARY KEY (tenant, event_id)) STRICT;`);
  const selectState = database.prepare(
    'SELECT change, generation, previous FROM tag_observations WHERE tenant = ? AND event_id = ?',
  );
  const insertState = database.prepare(
    'INSERT INTO tag_observations (tenant, event_id, change, generation, previous) VALUES (?, ?, ?, ?, ?)',
  );
  const selectTag = database.prepare(
    'SELECT target, generation FROM tags WHERE tenant = ? AND kind = ? AND host = ? AND repository = ? AND tag = ?',
  );
  const putTag = database.prepare(
    'INSERT OR REPLACE INTO tags (tenant, kind, host, repository, tag, target, generation) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  return {
    observe: async ({ tenant, kind, host, repository, tag, target, eventId }) =>
      transaction(database, (): TagState => {
        const answered = selectState.get(tenant, eventId);
        if (answered !== undefined) {
          const { previous, ...state } = StoredState.parse(answered);
          return { ...state, ...(previous === null ? {} : { previous }) };
        }
        const found = selectTag.get(tenant, kind, host, repository, tag);
        const { state, next } = observeTag(found === undefined ? undefined : rememberedOf(found), target);
        putTag.run(tenant, kind, host, repository, tag, next.target ?? null, next.generation);
        insertState.run(tenant, eventId, state.change, state.generation, state.previous ?? null);
        return state;
      }),
  };
}

function rememberedOf(found: unknown): RememberedTag {
  const { target, generation } = StoredTag.parse(found);
  return { generation, ...(target === null ? {} : { target }) };
}
