import { mkdirSync } from 'node:fs';
import { fileErasableStore } from '../adapters/embedded/file-erasable-store.ts';
import { fileWormStore } from '../adapters/embedded/file-worm-store.ts';
import { openSqlite } from '../adapters/embedded/sqlite.ts';
import { sqliteAuditStore } from '../adapters/embedded/sqlite-audit-store.ts';
import { sqliteClaimStore } from '../adapters/embedded/sqlite-claim-store.ts';
import { sqliteDeliveryStore } from '../adapters/embedded/sqlite-delivery-store.ts';
import { sqliteHeadStore } from '../adapters/embedded/sqlite-head-store.ts';
import { sqliteLedgerStore } from '../adapters/embedded/sqlite-ledger-store.ts';
import { sqliteModuleLog } from '../adapters/embedded/sqlite-module-log.ts';
import { sqlitePersonStore } from '../adapters/embedded/sqlite-person-store.ts';
import { sqliteTagTable } from '../adapters/embedded/sqlite-tag-table.ts';
import { sqliteTargetLocks } from '../adapters/embedded/sqlite-target-locks.ts';
import { sqliteViews } from '../adapters/embedded/sqlite-views.ts';
import { sqliteWaitStore } from '../adapters/embedded/sqlite-wait-store.ts';
import type { DataFolder } from './data-folder.ts';

export type Stores = ReturnType<typeof openStores>;

/**
 * The durable stores of a data folder. Several processes may open one folder: SQLite orders their writes, and files are
 * written once.
 */
export function openStores(folder: DataFolder) {
  mkdirSync(folder.root, { recursive: true });
  const database = openSqlite(folder.database);
  return {
    database,
    ledger: sqliteLedgerStore(database),
    worm: fileWormStore(folder.worm),
    erasable: fileErasableStore(folder.erasable, database),
    persons: sqlitePersonStore(database),
    deliveries: sqliteDeliveryStore(database),
    tags: sqliteTagTable(database),
    claims: sqliteClaimStore(database),
    audits: sqliteAuditStore(database),
    views: sqliteViews(database),
    waits: sqliteWaitStore(database),
    locks: sqliteTargetLocks(database),
    heads: sqliteHeadStore(database),
    moduleLog: sqliteModuleLog(database),
    close: () => database.close(),
  };
}
