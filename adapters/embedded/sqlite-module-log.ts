import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { emptyModuleLog, LoggedModuleRow, ModuleLogHeadRow } from '../../core/modulelog/rows.ts';
import type { ModuleLogHead, ModuleLogStore } from '../../core/ports/module-log-store.ts';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { guardedAs, type Sqlite, transaction } from './sqlite.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS module_log_head (tenant TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS module_log (
    tenant TEXT NOT NULL, position INTEGER NOT NULL, path TEXT NOT NULL, version TEXT NOT NULL, row TEXT NOT NULL,
    PRIMARY KEY (tenant, position), UNIQUE (tenant, path, version)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS module_log_hash (
    tenant TEXT NOT NULL, level INTEGER NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL,
    PRIMARY KEY (tenant, level, position)
  ) STRICT, WITHOUT ROWID;
`;

const Row = z.object({ row: z.string() });
const HashRow = z.object({ hash: Sha256Hex });
const rowBy = <T>(schema: z.ZodType<T>, found: unknown): T => schema.parse(JSON.parse(Row.parse(found).row));

const guarded = guardedAs('the module log');

/** Module logs in SQLite: one IMMEDIATE transaction an append; several processes may share the file. */
export function sqliteModuleLog(database: Sqlite): ModuleLogStore {
  database.exec(SCHEMA);
  const headOf = database.prepare('SELECT row FROM module_log_head WHERE tenant = ?');
  const putHead = database.prepare('INSERT OR REPLACE INTO module_log_head VALUES (?, ?)');
  const putModule = database.prepare('INSERT INTO module_log VALUES (?, ?, ?, ?, ?)');
  const putHash = database.prepare('INSERT INTO module_log_hash VALUES (?, ?, ?, ?)');
  const moduleOf = database.prepare('SELECT row FROM module_log WHERE tenant = ? AND path = ? AND version = ?');
  const modulesFrom = database.prepare(
    'SELECT row FROM module_log WHERE tenant = ? AND position >= ? ORDER BY position LIMIT ?',
  );
  const hashesFrom = database.prepare(
    'SELECT hash FROM module_log_hash WHERE tenant = ? AND level = ? AND position >= ? ORDER BY position LIMIT ?',
  );
  const readHead = (tenant: TenantId): ModuleLogHead => {
    const row = headOf.get(tenant);
    return row === undefined ? emptyModuleLog() : rowBy(ModuleLogHeadRow, row);
  };

  return {
    head: (tenant) => guarded(() => readHead(tenant)),
    append: (tenant, module, hashes, next, expectedSize) =>
      guarded(() =>
        transaction(database, () => {
          const { index, path, version } = module;
          if (readHead(tenant).size !== expectedSize || moduleOf.get(tenant, path, version) !== undefined)
            throw new Fault('LedgerConflict', `the module log of ${tenant} is no longer at ${expectedSize}`);
          putModule.run(tenant, index, path, version, JSON.stringify(module));
          for (const { level, index: position, hash } of hashes) putHash.run(tenant, level, position, hash);
          putHead.run(tenant, JSON.stringify(next));
        }),
      ),
    find: (tenant, path, version) =>
      guarded(() => {
        const row = moduleOf.get(tenant, path, version);
        return row === undefined ? undefined : rowBy(LoggedModuleRow, row);
      }),
    modules: (tenant, from, count) =>
      guarded(() => modulesFrom.all(tenant, from, count).map((row) => rowBy(LoggedModuleRow, row))),
    hashes: (tenant, level, from, count) =>
      guarded(() => hashesFrom.all(tenant, level, from, count).map((row) => HashRow.parse(row).hash)),
  };
}
