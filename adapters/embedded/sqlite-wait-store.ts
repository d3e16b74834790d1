import * as z from 'zod';
import { Fault, isFault } from '../../core/faults.ts';
import type { WaitKey, WaitRow, WaitStore } from '../../core/ports/wait-store.ts';
import { StoredWait } from '../../core/promotion/wait-row.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS waits (
    tenant TEXT NOT NULL, business_key TEXT NOT NULL, kind TEXT NOT NULL, ordinal INTEGER NOT NULL,
    machine TEXT NOT NULL, run_name TEXT NOT NULL, token TEXT NOT NULL, version INTEGER NOT NULL,
    open INTEGER NOT NULL, state TEXT NOT NULL, PRIMARY KEY (tenant, business_key, kind, ordinal)) STRICT;
  CREATE INDEX IF NOT EXISTS waits_open ON waits (tenant, kind) WHERE open = 1;`;
const COLUMNS = 'tenant, business_key AS businessKey, kind, ordinal, machine, run_name AS runName, token, version';

const Stored = StoredWait.extend({
  open: z.int().transform((open) => open === 1),
  state: z.string().transform((text): unknown => JSON.parse(text)),
});
const parseRow = (found: unknown): WaitRow => Stored.parse(found);

/** What SQLite throws means that the call may or may not have been stored. */
async function guarded<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    if (isFault(error)) throw error;
    throw new Fault('StoreUnavailable', 'the database of waits failed', { cause: error });
  }
}

const keyOf = ({ tenant, businessKey, kind, ordinal }: WaitKey) => [tenant, businessKey, kind, ordinal] as const;
const restOf = ({ machine, runName, token, version, open, state }: WaitRow) =>
  [machine, runName, token, version, open ? 1 : 0, JSON.stringify(state)] as const;

/** Waits in SQLite. */
export function sqliteWaitStore(database: Sqlite): WaitStore {
  database.exec(SCHEMA);
  const insert = database.prepare('INSERT INTO waits VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const select = database.prepare(
    `SELECT ${COLUMNS}, open, state FROM waits WHERE tenant = ? AND business_key = ? AND kind = ? AND ordinal = ?`,
  );
  const selectOpen = database.prepare(
    `SELECT ${COLUMNS}, open, state FROM waits WHERE tenant = ? AND kind = ? AND open = 1 ORDER BY rowid LIMIT ?`,
  );
  const update = database.prepare(
    `UPDATE waits SET machine = ?, run_name = ?, token = ?, version = ?, open = ?, state = ?
     WHERE tenant = ? AND business_key = ? AND kind = ? AND ordinal = ? AND version = ?`,
  );

  return {
    open: (row) =>
      guarded(() =>
        transaction(database, () =>
          insert.run(...keyOf(row), ...restOf(row)).changes
            ? { opened: true }
            : { opened: false, row: parseRow(select.get(...keyOf(row))) },
        ),
      ),
    get: (key) =>
      guarded(() => {
        const found = select.get(...keyOf(key));
        return found === undefined ? undefined : parseRow(found);
      }),
    replace: (row) =>
      guarded(() => {
        if (!update.run(...restOf(row), ...keyOf(row), row.version - 1).changes)
          throw new Fault('LedgerConflict', `the wait of ${row.runName} has changed`);
      }),
    listOpen: (tenant, kind, limit) => guarded(() => selectOpen.all(tenant, kind, limit).map(parseRow)),
  };
}
