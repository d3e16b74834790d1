import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { TargetLocks } from '../../core/ports/target-locks.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { type Sqlite, transaction } from './sqlite.ts';

const Stored = z.object({ holder: Sha256Hex });

/** What SQLite throws means that the call may or may not have been stored. */
async function guarded<T>(work: () => T): Promise<T> {
  try {
    return work();
  } catch (error) {
    throw new Fault('StoreUnavailable', 'the database of target locks failed', { cause: error });
  }
}

/** Target locks in SQLite. */
export function sqliteTargetLocks(database: Sqlite): TargetLocks {
  database.exec(`CREATE TABLE IF NOT EXISTS target_locks (
    tenant TEXT NOT NULL, target TEXT NOT NULL, holder TEXT NOT NULL, PRIMARY KEY (tenant, target))
    STRICT, WITHOUT ROWID;`);
  const insert = database.prepare('INSERT INTO target_locks VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const select = database.prepare('SELECT holder FROM target_locks WHERE tenant = ? AND target = ?');
  const remove = database.prepare('DELETE FROM target_locks WHERE tenant = ? AND target = ? AND holder = ?');
  return {
    acquire: (tenant, target, holder) =>
      guarded(() =>
        transaction(database, () => {
          insert.run(tenant, target, holder);
          return Stored.parse(select.get(tenant, target)).holder;
        }),
      ),
    release: (tenant, target, holder) =>
      guarded(() => {
        remove.run(tenant, target, holder);
      }),
  };
}
