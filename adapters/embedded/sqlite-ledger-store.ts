import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { shownSize, WitnessState } from '../../core/ledger/published.ts';
import { EMPTY_HEAD } from '../../core/ledger/segment.ts';
import type {
  LedgerBatch,
  LedgerHead,
  LedgerStore,
  PublishedCheckpoint,
  StoredKey,
} from '../../core/ports/ledger-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { guardedAs, type Sqlite, transaction } from './sqlite.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS ledger_head (
    tenant TEXT PRIMARY KEY, size INTEGER NOT NULL, root TEXT NOT NULL, edge TEXT NOT NULL, batch_hash TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ledger_batch (
    tenant TEXT NOT NULL, first_index INTEGER NOT NULL, segment TEXT NOT NULL, previous_batch_hash TEXT NOT NULL,
    batch_hash TEXT NOT NULL, PRIMARY KEY (tenant, first_index)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ledger_entry (
    tenant TEXT NOT NULL, position INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (tenant, position)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS ledger_key (
    tenant TEXT NOT NULL, key TEXT NOT NULL, position INTEGER NOT NULL, leaf TEXT NOT NULL, request_hash TEXT NOT NULL,
    PRIMARY KEY (tenant, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ledger_release (
    tenant TEXT NOT NULL, release TEXT NOT NULL, position INTEGER NOT NULL, leaf TEXT NOT NULL,
    PRIMARY KEY (tenant, release)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS ledger_published (
    tenant TEXT PRIMARY KEY, size INTEGER NOT NULL, root TEXT NOT NULL, note TEXT NOT NULL, more TEXT
  ) STRICT, WITHOUT ROWID;
`;

const HeadRow = z.object({
  size: z.int().positive(),
  root: Sha256Hex,
  edge: z.string().transform((text) => z.array(Sha256Hex).parse(JSON.parse(text))),
  batchHash: Sha256Hex,
});
const KeyRow = z.object({ key: Sha256Hex, index: z.int(), leaf: Sha256Hex, requestHash: Sha256Hex });
const ReleaseRow = z.object({ release: z.string(), index: z.int(), leaf: Sha256Hex });
const StoredBatch = z.object({
  firstIndex: z.int(),
  segment: z.string(),
  previousBatchHash: z.union([Sha256Hex, z.literal('')]),
  batchHash: Sha256Hex,
});
const EntryRow = z.object({ bytes: z.instanceof(Uint8Array) });
const SignedRow = z.object({ size: z.int(), root: Sha256Hex, note: z.string() });
const More = z.object({
  anchored: z.object({ size: z.int(), at: z.int() }).optional(),
  rebuilt: z.int().optional(),
  witnesses: z.record(z.string(), WitnessState).optional(),
  served: SignedRow.optional(),
});
const PublishedRow = SignedRow.extend({
  more: z
    .string()
    .nullable()
    .transform((text) => More.parse(JSON.parse(text ?? '{}'))),
});
const Column = z.object({ name: z.string() });
const TenantRow = z.object({ tenant: TenantId });

const sameHead = (a: LedgerHead, b: LedgerHead) =>
  a.size === b.size && a.root === b.root && a.batchHash === b.batchHash && a.edge.join() === b.edge.join();

/** A commit of this many takes a tenth of a second: longer ones would make everybody wait for the disk. */
const BATCH_WEIGHT = 2048;

const guarded = guardedAs('the ledger database');

/** The ledger in SQLite: one IMMEDIATE transaction for each batch; several processes may share the file. */
export function sqliteLedgerStore(database: Sqlite): LedgerStore {
  database.exec(SCHEMA);
  const columns = database.prepare('SELECT name FROM pragma_table_info(?)').all('ledger_published');
  // Folders made before there was more to say of a checkpoint have a table without it.
  if (!columns.some((column) => Column.parse(column).name === 'more'))
    database.exec('ALTER TABLE ledger_published ADD COLUMN more TEXT');
  const headOf = database.prepare('SELECT size, root, edge, batch_hash AS batchHash FROM ledger_head WHERE tenant = ?');
  const putHead = database.prepare('INSERT OR REPLACE INTO ledger_head VALUES (?, ?, ?, ?, ?)');
  const putBatch = database.prepare('INSERT INTO ledger_batch VALUES (?, ?, ?, ?, ?)');
  const putEntry = database.prepare('INSERT INTO ledger_entry VALUES (?, ?, ?)');
  const putKey = database.prepare('INSERT INTO ledger_key VALUES (?, ?, ?, ?, ?)');
  const putRelease = database.prepare('INSERT OR REPLACE INTO ledger_release VALUES (?, ?, ?, ?)');
  const keyOf = database.prepare(
    'SELECT key, position AS "index", leaf, request_hash AS requestHash FROM ledger_key WHERE tenant = ? AND key = ?',
  );
  const releaseOf = database.prepare(
    'SELECT release, position AS "index", leaf FROM ledger_release WHERE tenant = ? AND release = ?',
  );
  const entriesFrom = database.prepare(
    'SELECT bytes FROM ledger_entry WHERE tenant = ? AND position >= ? ORDER BY position LIMIT ?',
  );
  const batchesFrom = database.prepare(
    `SELECT first_index AS firstIndex, segment, previous_batch_hash AS previousBatchHash, batch_hash AS batchHash
     FROM ledger_batch WHERE tenant = ? AND first_index >= ? ORDER BY first_index LIMIT ?`,
  );
  const publishedOf = database.prepare('SELECT size, root, note, more FROM ledger_published WHERE tenant = ?');
  const putPublished = database.prepare(
    'INSERT OR REPLACE INTO ledger_published (tenant, size, root, note, more) VALUES (?, ?, ?, ?, ?)',
  );
  const tenantsOf = database.prepare('SELECT tenant FROM ledger_head ORDER BY tenant');

  const readHead = (tenant: TenantId): LedgerHead => {
    const row = headOf.get(tenant);
    return row === undefined ? EMPTY_HEAD() : HeadRow.parse(row);
  };
  const readKeys = (tenant: TenantId, keys: readonly Sha256Hex[]): StoredKey[] =>
    keys.flatMap((key) => {
      const row = keyOf.get(tenant, key);
      return row === undefined ? [] : KeyRow.parse(row);
    });
  const readPublished = (tenant: TenantId): PublishedCheckpoint | undefined => {
    const row = publishedOf.get(tenant);
    if (row === undefined) return undefined;
    const { more, ...signed } = PublishedRow.parse(row);
    return { ...signed, ...more };
  };
  const commit = (tenant: TenantId, batch: LedgerBatch, next: LedgerHead, expected: LedgerHead): void => {
    const keys = batch.keys.map(({ key }) => key);
    if (!sameHead(readHead(tenant), expected) || readKeys(tenant, keys).length > 0)
      throw new Fault('LedgerConflict', `the head of ${tenant} is no longer at ${expected.size}`);
    putHead.run(tenant, next.size, next.root, JSON.stringify(next.edge), next.batchHash);
    putBatch.run(tenant, batch.firstIndex, batch.segment, batch.previousBatchHash, batch.batchHash);
    batch.entries.forEach((bytes, at) => {
      putEntry.run(tenant, batch.firstIndex + at, bytes);
    });
    for (const { key, index, leaf, requestHash } of batch.keys) putKey.run(tenant, key, index, leaf, requestHash);
    for (const { release, index, leaf } of batch.releases) putRelease.run(tenant, release, index, leaf);
  };

  return {
    batchWeight: BATCH_WEIGHT,
    head: (tenant) => guarded(() => readHead(tenant)),
    commit: (tenant, batch, next, expected) =>
      guarded(() => transaction(database, () => commit(tenant, batch, next, expected))),
    storedKeys: (tenant, keys) => guarded(() => readKeys(tenant, [...new Set(keys)])),
    releasePointers: (tenant, releases) =>
      guarded(() =>
        [...new Set(releases)].flatMap((release) => {
          const row = releaseOf.get(tenant, release);
          return row === undefined ? [] : ReleaseRow.parse(row);
        }),
      ),
    entries: (tenant, from, count) =>
      guarded(() => entriesFrom.all(tenant, from, count).map((row) => new Uint8Array(EntryRow.parse(row).bytes))),
    batches: (tenant, from, limit) =>
      guarded(() => batchesFrom.all(tenant, from, limit).map((row) => StoredBatch.parse(row))),
    published: (tenant) => guarded(() => readPublished(tenant)),
    savePublished: (tenant, checkpoint, expectedSize) =>
      guarded(() =>
        transaction(database, () => {
          const { size, root, note, ...more } = checkpoint;
          const stored = readPublished(tenant);
          if ((stored?.size ?? 0) !== expectedSize || shownSize(stored) > shownSize(checkpoint))
            throw new Fault('LedgerConflict', `the published checkpoint of ${tenant} is no longer at ${expectedSize}`);
          putPublished.run(tenant, size, root, note, JSON.stringify(more));
        }),
      ),
    tenants: () => guarded(() => tenantsOf.all().map((row) => TenantRow.parse(row).tenant)),
  };
}
