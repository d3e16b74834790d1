import * as z from 'zod';
import { AuditStateRow } from '../../core/ledger/audit-state.ts';
import type { AuditStore } from '../../core/ports/audit-store.ts';
import { guardedAs, type Sqlite } from './sqlite.ts';

const Stored = z.object({ state: z.string().transform((text) => AuditStateRow.parse(JSON.parse(text))) });

const guarded = guardedAs('the store of audits');

/** Cursors of audits in SQLite. */
export function sqliteAuditStore(database: Sqlite): AuditStore {
  database.exec(
    'CREATE TABLE IF NOT EXISTS ledger_audit (tenant TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID;',
  );
  const select = database.prepare('SELECT state FROM ledger_audit WHERE tenant = ?');
  const put = database.prepare('INSERT OR REPLACE INTO ledger_audit VALUES (?, ?)');
  return {
    load: (tenant) =>
      guarded(() => {
        const row = select.get(tenant);
        return row === undefined ? undefined : Stored.parse(row).state;
      }),
    save: (tenant, state) =>
      guarded(() => {
        put.run(tenant, JSON.stringify(state));
      }),
  };
}
