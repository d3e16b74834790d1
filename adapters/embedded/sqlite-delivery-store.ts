import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { parseDeliveryRow } from '../../core/ingest/delivery-row.ts';
import type { DeliveryRow, DeliveryStore } from '../../core/ports/delivery-store.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const Stored = z.object({ row: z.string() });
const parseRow = (found: unknown): DeliveryRow => parseDeliveryRow(Stored.parse(found).row);

/** Deliveries in SQLite: the row as JSON, with the columns that are asked for beside it. */
export function sqliteDeliveryStore(database: Sqlite): DeliveryStore {
  database.exec(`
    CREATE TABLE IF NOT EXISTS deliveries (
      tenant TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, attempts INTEGER NOT NULL, due_at INTEGER NOT NULL,
      row TEXT NOT NULL, PRIMARY KEY (tenant, key)) STRICT;
    CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due_at) WHERE status = 'received';
    CREATE TABLE IF NOT EXISTS delivery_events (
      tenant TEXT NOT NULL, event_id TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (tenant, event_id)) STRICT;`);
  const insert = database.prepare(
    'INSERT INTO deliveries (tenant, key, status, attempts, due_at, row) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const insertEvent = database.prepare('INSERT INTO delivery_events (tenant, event_id, key) VALUES (?, ?, ?)');
  const select = database.prepare('SELECT row FROM deliveries WHERE tenant = ? AND key = ?');
  const selectByEvent = database.prepare(
    'SELECT d.row FROM delivery_events e JOIN deliveries d ON d.tenant = e.tenant AND d.key = e.key WHERE e.tenant = ? AND e.event_id = ?',
  );
  const selectDue = database.prepare(
    "SELECT row FROM deliveries WHERE status = 'received' AND due_at <= ? ORDER BY due_at, rowid LIMIT ?",
  );
  const update = database.prepare(
    'UPDATE deliveries SET status = ?, attempts = ?, due_at = ?, row = ? WHERE tenant = ? AND key = ? AND status = ? AND attempts = ?',
  );
  const read = (found: unknown): DeliveryRow | undefined => (found === undefined ? undefined : parseRow(found));

  return {
    claim: async (row) =>
      transaction(database, () => {
        const { tenant, key, status, attempts, dueAt } = row;
        if (insert.run(tenant, key, status, attempts, dueAt, JSON.stringify(row)).changes) {
          for (const { id } of row.normalised.events) insertEvent.run(tenant, id, key);
          return { claimed: true };
        }
        return { claimed: false, row: parseRow(select.get(tenant, key)) };
      }),
    get: async (tenant, key) => read(select.get(tenant, key)),
    byEvent: async (tenant, eventId) => read(selectByEvent.get(tenant, eventId)),
    replace: async (row, expected) => {
      const { tenant, key, status, attempts, dueAt } = row;
      const values = [status, attempts, dueAt, JSON.stringify(row), tenant, key, expected.status, expected.attempts];
      if (!update.run(...values).changes) throw new Fault('LedgerConflict', `delivery ${key} has changed`);
    },
    due: async (now, limit) => selectDue.all(now, limit).map(parseRow),
  };
}
