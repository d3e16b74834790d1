import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { openSqlite, type Sqlite, transaction } from '../sqlite.ts';
import { createCommits } from './commits.ts';
import { walCheckpoints } from './wal-checkpoints.ts';

const MIB = 2 ** 20;
const noFault = (fault: unknown): void => {
  throw fault;
};

describe('the write-ahead log', () => {
  let folder = '';
  let database: Sqlite;
  const logBytes = () => statSync(join(folder, 'a.sqlite-wal')).size;
  const fill = (kib: number) => database.prepare('INSERT INTO t VALUES (zeroblob(?))').run(kib * 1024);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'relseal-wal-'));
    database = openSqlite(join(folder, 'a.sqlite'));
    // Bounds and turns are what is looked at; durability is not, and each sync takes milliseconds.
    database.exec('PRAGMA synchronous=OFF; CREATE TABLE t (a BLOB) STRICT');
  });
  afterEach(() => {
    database.close();
    rmSync(folder, { recursive: true });
  });

  it('is taken to the database file in turns without writes, and so stays small', async () => {
    const { write, settled } = createCommits(database, noFault);
    for (let at = 0; at < 2000; at += 1) {
      await write(() => fill(8));
      if (at % 100 === 0) await settled();
    }
    expect(logBytes()).toBeLessThan(8 * MIB);
  });

  it('is bounded when no turn is without writes', async () => {
    const { write, settled } = createCommits(database, noFault);
    let left = 3000;
    const chain = async (): Promise<void> => {
      while (left-- > 0) await write(() => fill(32));
    };
    await Promise.all([chain(), chain()]);
    await settled();
    expect(logBytes()).toBeLessThan(20 * MIB);
  });

  it('keeps what a checkpoint cannot take, tells the fault, and the next one takes it', async () => {
    const faults: unknown[] = [];
    const checkpoints = walCheckpoints(database, (fault) => faults.push(fault));
    fill(4);
    transaction(database, () => {
      fill(4);
      checkpoints.checkpoint();
    });
    expect(faults).toHaveLength(1);
    checkpoints.checkpoint();
    expect(faults).toHaveLength(1);
    const { n } = z.object({ n: z.int() }).parse(database.prepare('SELECT count(*) AS n FROM t').get());
    expect(n).toBe(2);
  });

  it('is due for a checkpoint after many transactions, and then not again at once', () => {
    const checkpoints = walCheckpoints(database, noFault);
    expect(checkpoints.areDue()).toBe(false);
    for (let at = 0; at < 1000; at += 1) checkpoints.written();
    expect(checkpoints.areDue()).toBe(true);
    checkpoints.checkpoint();
    expect(checkpoints.areDue()).toBe(false);
  });
});
