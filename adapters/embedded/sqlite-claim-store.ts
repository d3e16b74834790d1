import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { ClaimRow, ClaimStore } from '../../core/ports/claim-store.ts';
import { parseClaimRow } from '../../core/runs/claim-row.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const Stored = z.object({ row: z.string() });
const parseClaim = (found: unknown): ClaimRow => parseClaimRow(Stored.parse(found).row);

/** Claims in SQLite; every run name a claim ever had stays findable. */
export function sqliteClaimStore(database: Sqlite): ClaimStore {
  database.exec(`
    CREATE TABLE IF NOT EXISTS claims (
      tenant TEXT NOT NULL, business_key TEXT NOT NULL, machine TEXT NOT NULL, status TEXT NOT NULL,
      replay INTEGER NOT NULL, redrives INTEGER NOT NULL, claimed_at TEXT NOT NULL, row TEXT NOT NULL,
      PRIMARY KEY (tenant, business_key, machine)) STRICT;
    CREATE INDEX IF NOT EXISTS claims_by_status ON claims (tenant, status, claimed_at);
    CREATE TABLE IF NOT EXISTS claim_runs (
      run_name TEXT PRIMARY KEY, tenant TEXT NOT NULL, business_key TEXT NOT NULL, machine TEXT NOT NULL) STRICT;`);
  const insert = database.prepare(
    `INSERT INTO claims (tenant, business_key, machine, status, replay, redrives, claimed_at, row)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const insertRun = database.prepare(
    'INSERT INTO claim_runs (run_name, tenant, business_key, machine) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const select = database.prepare('SELECT row FROM claims WHERE tenant = ? AND business_key = ? AND machine = ?');
  const selectByRun = database.prepare(
    'SELECT c.row FROM claim_runs r JOIN claims c USING (tenant, business_key, machine) WHERE r.run_name = ?',
  );
  const selectAll = database.prepare(
    'SELECT row FROM claims WHERE tenant = ? ORDER BY claimed_at DESC, rowid DESC LIMIT ?',
  );
  const selectStatus = database.prepare(
    'SELECT row FROM claims WHERE tenant = ? AND status = ? ORDER BY claimed_at DESC, rowid DESC LIMIT ?',
  );
  const update = database.prepare(
    `UPDATE claims SET status = ?, replay = ?, redrives = ?, claimed_at = ?, row = ?
     WHERE tenant = ? AND business_key = ? AND machine = ? AND status = ? AND replay = ? AND redrives = ?`,
  );
  const columnsOf = (row: ClaimRow) => [row.status, row.replay, row.redrives, row.claimedAt, JSON.stringify(row)];
  const read = (found: unknown) => (found === undefined ? undefined : parseClaim(found));

  return {
    claim: async (row) =>
      transaction(database, () => {
        const { tenant, businessKey, machine, runName } = row;
        if (insert.run(tenant, businessKey, machine, ...columnsOf(row)).changes) {
          insertRun.run(runName, tenant, businessKey, machine);
          return { claimed: true };
        }
        return { claimed: false, row: parseClaim(select.get(tenant, businessKey, machine)) };
      }),
    get: async (tenant, businessKey, machine) => read(select.get(tenant, businessKey, machine)),
    byRun: async (runName) => read(selectByRun.get(runName)),
    replace: async (row, expected) =>
      transaction(database, () => {
        const { tenant, businessKey, machine, runName } = row;
        const key = [tenant, businessKey, machine];
        const { status, replay, redrives } = expected;
        const changed = update.run(...columnsOf(row), ...key, status, replay, redrives);
        if (!changed.changes) throw new Fault('LedgerConflict', `the claim of ${runName} has changed`);
        insertRun.run(runName, ...key);
      }),
    list: async (tenant, { status, limit }) =>
      (status ? selectStatus.all(tenant, status, limit) : selectAll.all(tenant, limit)).map(parseClaim),
  };
}
