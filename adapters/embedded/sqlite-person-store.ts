import { randomBytes } from 'node:crypto';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { PersonStore } from '../../core/ports/person-store.ts';
import { Erasure } from '../../core/privacy/erasure.ts';
import { guardedAs, type Sqlite, transaction } from './sqlite.ts';

const KeyRow = z.object({ key: z.instanceof(Uint8Array) });
const ObjectRow = z.object({ object: z.string() });
const ErasureRow = z.object({ erasure: z.string() });
const PAGE = 500;

const guarded = guardedAs('the person store');

/** People's keys and mentions in SQLite. What is deleted is overwritten in its page and leaves the write-ahead log. */
export function sqlitePersonStore(database: Sqlite): PersonStore {
  database.exec(`PRAGMA secure_delete=ON;
    CREATE TABLE IF NOT EXISTS person_key (
      tenant TEXT NOT NULL, person TEXT NOT NULL, key BLOB NOT NULL,
      PRIMARY KEY (tenant, person)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS person_mention (
      tenant TEXT NOT NULL, person TEXT NOT NULL, object TEXT NOT NULL,
      PRIMARY KEY (tenant, person, object)) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS person_erasure (
      tenant TEXT NOT NULL, person TEXT NOT NULL, erasure TEXT NOT NULL,
      PRIMARY KEY (tenant, person)) STRICT, WITHOUT ROWID;`);
  const selectKey = database.prepare('SELECT key FROM person_key WHERE tenant = ? AND person = ?');
  const insertKey = database.prepare('INSERT INTO person_key VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const deleteKey = database.prepare('DELETE FROM person_key WHERE tenant = ? AND person = ? AND key = ?');
  const insertMention = database.prepare('INSERT INTO person_mention VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const deleteMention = database.prepare('DELETE FROM person_mention WHERE tenant = ? AND person = ? AND object = ?');
  const selectMentions = database.prepare(
    'SELECT object FROM person_mention WHERE tenant = ? AND person = ? AND object > ? ORDER BY object LIMIT ?',
  );
  const selectErasure = database.prepare('SELECT erasure FROM person_erasure WHERE tenant = ? AND person = ?');
  const insertErasure = database.prepare('INSERT INTO person_erasure VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const deleteErasure = database.prepare('DELETE FROM person_erasure WHERE tenant = ? AND person = ?');

  const keyIn = (tenant: string, person: string) => {
    const row = selectKey.get(tenant, person);
    return row === undefined ? undefined : new Uint8Array(KeyRow.parse(row).key);
  };
  const erasureIn = (tenant: string, person: string) => {
    const row = selectErasure.get(tenant, person);
    return row === undefined ? undefined : Erasure.parse(JSON.parse(ErasureRow.parse(row).erasure));
  };
  return {
    keyOf: (tenant, person) =>
      guarded(() => {
        const known = keyIn(tenant, person);
        if (known) return known;
        insertKey.run(tenant, person, randomBytes(32));
        const key = keyIn(tenant, person);
        if (!key) throw new Fault('StoreUnavailable', 'the key of a person was destroyed as it was made');
        return key;
      }),
    knownKey: (tenant, person) => guarded(() => keyIn(tenant, person)),
    destroyKey: (tenant, person, key) =>
      guarded(() => {
        deleteKey.run(tenant, person, key);
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      }),
    mention: (tenant, persons, object) =>
      guarded(() =>
        transaction(database, () => {
          for (const person of persons) insertMention.run(tenant, person, object);
        }),
      ),
    async *mentions(tenant, person) {
      for (let after = '', page: string[]; ; after = page.at(-1) ?? '') {
        page = await guarded(() =>
          selectMentions.all(tenant, person, after, PAGE).map((row) => ObjectRow.parse(row).object),
        );
        yield* page;
        if (page.length < PAGE) return;
      }
    },
    unmention: (tenant, person, objects) =>
      guarded(() =>
        transaction(database, () => {
          for (const object of objects) deleteMention.run(tenant, person, object);
        }),
      ),
    erasure: (tenant, person) => guarded(() => erasureIn(tenant, person)),
    beginErasure: (tenant, person, erasure) =>
      guarded(() => {
        insertErasure.run(tenant, person, JSON.stringify(erasure));
        return erasureIn(tenant, person) ?? erasure;
      }),
    endErasure: (tenant, person) =>
      guarded(() => {
        deleteErasure.run(tenant, person);
      }),
  };
}
