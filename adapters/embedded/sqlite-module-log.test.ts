import { describe, expect, it } from 'vitest';
import { fromHex } from '../../core/ledger/hex.ts';
import { pinModule } from '../../core/modulelog/pin.ts';
import { leafHash, rootOfEdge, rootOfHashes } from '../../core/tlog/merkle.ts';
import { deathAt, dyingDatabase } from '../../test/fakes/dying-database.ts';
import { ACME, smallModule } from '../../test/fakes/module-log-world.ts';
import { openSqlite } from './sqlite.ts';
import { sqliteModuleLog } from './sqlite-module-log.ts';

const clock = { now: () => 0 };
const first = smallModule('git.example.com/acme/a');
const module = (at: number) => ({ ...first, path: smallModule(`git.example.com/acme/m${at}`).path });

describe('a module log in SQLite', () => {
  it.each(['before', 'after'] as const)('is whole when the process dies %s the append, and goes on', async (when) => {
    const database = openSqlite(':memory:');
    const whole = sqliteModuleLog(database);
    for (let at = 0; at < 255; at += 1) await pinModule({ store: whole, clock }, ACME, module(at), 'tofu');
    const dying = sqliteModuleLog(dyingDatabase(database, deathAt(0, when)));
    await expect(pinModule({ store: dying, clock }, ACME, module(255), 'tofu')).rejects.toMatchObject({
      name: 'StoreUnavailable',
    });
    // Record 255 fills a tile, so its append holds a hash of the next level too: all of it is there, or nothing.
    expect((await whole.hashes(ACME, 1, 0, 2)).length).toBe(when === 'after' ? 1 : 0);
    const again = await pinModule({ store: whole, clock }, ACME, module(255), 'tofu');
    expect(again).toMatchObject({ kind: 'pinned', first: when === 'before', module: { index: 255 } });
    await pinModule({ store: whole, clock }, ACME, module(256), 'tofu');
    const { size, edge } = await whole.head(ACME);
    const leaves = (await whole.modules(ACME, 0, 300)).map(({ text }) => leafHash(Buffer.from(text)));
    expect(size).toBe(257);
    expect(rootOfHashes(leaves)).toEqual(rootOfEdge(edge.map(fromHex)));
    expect((await whole.hashes(ACME, 1, 0, 2)).map(fromHex)).toEqual([rootOfHashes(leaves.slice(0, 256))]);
  });

  it('says that it is inconsistent when a row was garbled', async () => {
    const database = openSqlite(':memory:');
    const store = sqliteModuleLog(database);
    await pinModule({ store, clock }, ACME, first, 'tofu');
    database.exec(`UPDATE module_log SET row = '{}'`);
    await expect(store.modules(ACME, 0, 1)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
  });
});
