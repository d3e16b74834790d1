import { expect, it } from 'vitest';
import { openSqlite } from './sqlite.ts';
import { sqliteHeadStore } from './sqlite-head-store.ts';

it('reads and carries on what was kept before heads had a time', async () => {
  const database = openSqlite(':memory:');
  database.exec(`CREATE TABLE foreign_heads (log TEXT PRIMARY KEY, size INTEGER NOT NULL, note TEXT NOT NULL)
    STRICT, WITHOUT ROWID; INSERT INTO foreign_heads VALUES ('a+00000000', 5, 'the note');`);
  const store = sqliteHeadStore(database);
  expect(await store.load('a+00000000')).toEqual({ size: 5, note: 'the note' });
  const seenAt = '2026-11-23T10:00:00.000Z';
  await store.save('a+00000000', { size: 5, note: 'the note', seenAt });
  expect(await sqliteHeadStore(database).load('a+00000000')).toEqual({ size: 5, note: 'the note', seenAt });
});

it('is unavailable, never empty, where its database is', async () => {
  const database = openSqlite(':memory:');
  const store = sqliteHeadStore(database);
  database.close();
  await expect(store.load('a+00000000')).rejects.toMatchObject({ name: 'StoreUnavailable' });
  await expect(store.save('a+00000000', { size: 5, note: 'the note' })).rejects.toMatchObject({
    name: 'StoreUnavailable',
  });
});
