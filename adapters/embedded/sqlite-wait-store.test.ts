import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { WaitRow } from '../../core/ports/wait-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { deathAt, dyingDatabase } from '../../test/fakes/dying-database.ts';
import { openSqlite } from './sqlite.ts';
import { sqliteTargetLocks } from './sqlite-target-locks.ts';
import { sqliteWaitStore } from './sqlite-wait-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'relseal-waits-'));
afterAll(() => rmSync(folder, { recursive: true }));

const tenant = TenantId.parse('acme');
const [holder, other] = [Sha256Hex.parse('a'.repeat(64)), Sha256Hex.parse('b'.repeat(64))];
const row: WaitRow = {
  tenant,
  businessKey: holder,
  kind: 'approval',
  ordinal: 0,
  machine: 'promotion',
  runName: 'promotion-a',
  token: 'token',
  version: 0,
  open: true,
  state: {},
};
const unavailable = { name: 'StoreUnavailable' };

describe('waits and locks in SQLite', () => {
  it('are there for the process that opens the file next', async () => {
    const file = join(folder, 'kept.db');
    const before = openSqlite(file);
    await sqliteWaitStore(before).open(row);
    await sqliteTargetLocks(before).acquire(tenant, 'production', holder);
    before.close();
    const after = openSqlite(file);
    expect(await sqliteWaitStore(after).listOpen(tenant, 'approval', 9)).toEqual([row]);
    expect(await sqliteTargetLocks(after).acquire(tenant, 'production', other)).toBe(holder);
    after.close();
  });

  it('fault with StoreUnavailable when the database fails', async () => {
    const database = openSqlite(':memory:');
    const [waits, locks] = [sqliteWaitStore(database), sqliteTargetLocks(database)];
    database.close();
    await expect(waits.open(row)).rejects.toMatchObject(unavailable);
    await expect(waits.get(row)).rejects.toMatchObject(unavailable);
    await expect(waits.replace(row)).rejects.toMatchObject(unavailable);
    await expect(waits.listOpen(tenant, 'approval', 9)).rejects.toMatchObject(unavailable);
    await expect(locks.acquire(tenant, 'production', holder)).rejects.toMatchObject(unavailable);
    await expect(locks.release(tenant, 'production', holder)).rejects.toMatchObject(unavailable);
  });

  it.each(['before', 'after'] as const)('are whole when the process dies right %s a write', async (when) => {
    const next: WaitRow = { ...row, version: 1, open: false };
    const calls = [
      (of: ReturnType<typeof openSqlite>) => sqliteWaitStore(of).open(row),
      (of: ReturnType<typeof openSqlite>) => sqliteWaitStore(of).replace(next),
      (of: ReturnType<typeof openSqlite>) => sqliteTargetLocks(of).acquire(tenant, 'production', holder),
      (of: ReturnType<typeof openSqlite>) => sqliteTargetLocks(of).release(tenant, 'production', holder),
    ];
    const seen: unknown[] = [];
    const database = openSqlite(':memory:');
    for (const call of calls) {
      await expect(call(dyingDatabase(database, deathAt(0, when)))).rejects.toMatchObject(unavailable);
      const [waits, locks] = [sqliteWaitStore(database), sqliteTargetLocks(database)];
      const stored = await waits.get(row);
      const held = await locks.acquire(tenant, 'production', other);
      await locks.release(tenant, 'production', other);
      seen.push([stored, (await waits.listOpen(tenant, 'approval', 9)).length, held === holder]);
      if (when === 'before') await call(database);
    }
    const after = [
      [row, 1, false],
      [next, 0, false],
      [next, 0, true],
      [next, 0, false],
    ];
    const before = [
      [undefined, 0, false],
      [row, 1, false],
      [next, 0, false],
      [next, 0, true],
    ];
    expect(seen).toEqual(when === 'before' ? before : after);
  });
});
