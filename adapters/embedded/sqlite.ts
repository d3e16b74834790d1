import { createRequire } from 'node:module';
import type { DatabaseSync, DatabaseSyncInstance } from '@photostructure/sqlite';
import * as z from 'zod';
import { Fault, isFault } from '../../core/faults.ts';

export type Sqlite = DatabaseSyncInstance;

const load = (): typeof DatabaseSync => {
  const require = createRequire(import.meta.url);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  // node:sqlite exists without a flag from 22.13 on; on 22 it prints an ExperimentalWarning that tells users nothing.
  if (major > 22 || (major === 22 && minor >= 13))
    return (require('node:sqlite') as { DatabaseSync: typeof DatabaseSync }).DatabaseSync;
  return (require('@photostructure/sqlite') as { DatabaseSync: typeof DatabaseSync }).DatabaseSync;
};

/**
 * Opens a database whose commits survive a power cut: WAL, synchronous=FULL. `:memory:` for tests. Several stores share
 * one connection: SQLite calls are synchronous, so a transaction never interleaves with another.
 */
export function openSqlite(file: string): Sqlite {
  const database = new (load())(file);
  // The time-out first: processes that start together on a new file wait for the one that makes it a WAL database.
  database.exec('PRAGMA busy_timeout=5000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;');
  return database;
}

/** One IMMEDIATE transaction; a throw rolls back and is passed on. `work` must be synchronous. */
export function transaction<T>(database: Sqlite, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // SQLite has rolled back by itself, as it does on a full disk; the first error is the one that tells.
    }
    throw error;
  }
}

/**
 * Calls of a store named `what`. What SQLite throws is `StoreUnavailable`: the call may or may not have been stored. A row
 * that does not parse is `LedgerInconsistent`.
 */
export const guardedAs =
  (what: string) =>
  async <T>(work: () => T): Promise<T> => {
    try {
      return work();
    } catch (error) {
      if (isFault(error)) throw error;
      if (error instanceof z.ZodError)
        throw new Fault('LedgerInconsistent', `a stored row of ${what} is malformed`, { cause: error });
      throw new Fault('StoreUnavailable', `${what} failed`, { cause: error });
    }
  };
