import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Fault, isFault } from '../../core/faults.ts';
import type { ErasableStore } from '../../core/ports/erasable-store.ts';
import type { Sqlite } from './sqlite.ts';
import { syncFolder, unlessMissing, writeOnceFolder } from './write-once-file.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KeyRow = z.object({ key: z.instanceof(Uint8Array) });

function encrypt(key: Uint8Array, name: string, bytes: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAAD(Buffer.from(name, 'utf8'));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

function decrypt(key: Uint8Array, name: string, stored: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv(CIPHER, key, stored.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(name, 'utf8'))
      .setAuthTag(stored.subarray(-TAG_BYTES));
    const text = stored.subarray(NONCE_BYTES, -TAG_BYTES);
    return new Uint8Array(Buffer.concat([decipher.update(text), decipher.final()]));
  } catch (error) {
    throw new Fault('EvidenceMissing', 'an erasable object is stored with other bytes', { cause: error });
  }
}

/**
 * Erasable objects: ciphertext in files, one key for each in SQLite. Erasing deletes the key first, overwrites its page
 * and empties the write-ahead log, so that a copy of the file alone tells nothing.
 */
export function fileErasableStore(root: string, database: Sqlite): ErasableStore {
  database.exec(`PRAGMA secure_delete=ON;
    CREATE TABLE IF NOT EXISTS erasable_key (name TEXT PRIMARY KEY, key BLOB NOT NULL) STRICT, WITHOUT ROWID;`);
  const selectKey = database.prepare('SELECT key FROM erasable_key WHERE name = ?');
  const insertKey = database.prepare('INSERT INTO erasable_key VALUES (?, ?)');
  const deleteKey = database.prepare('DELETE FROM erasable_key WHERE name = ?');
  const create = writeOnceFolder(root);
  const fileOf = (name: string) => join(root, createHash('sha256').update(name).digest('hex'));
  const keyOf = (name: string) => {
    const row = selectKey.get(name);
    return row === undefined ? undefined : KeyRow.parse(row).key;
  };
  const removeFile = async (name: string): Promise<void> => {
    await rm(fileOf(name), { force: true });
    await unlessMissing(syncFolder(root));
  };
  const read = async (name: string): Promise<Uint8Array | undefined> => {
    const key = keyOf(name);
    const stored = key && (await unlessMissing(readFile(fileOf(name))));
    return key && stored && decrypt(key, name, stored);
  };
  const keyFor = async (name: string): Promise<Uint8Array> => {
    const known = keyOf(name);
    if (known) return known;
    // Ciphertext without a key is what an interrupted erasure left.
    await removeFile(name);
    insertKey.run(name, randomBytes(32));
    return keyFor(name);
  };
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw isFault(error) ? error : new Fault('StoreUnavailable', 'the erasable folder failed', { cause: error });
    }
  };
  return {
    put: (name, bytes) =>
      guarded(async () => {
        if (await create(fileOf(name), encrypt(await keyFor(name), name, bytes))) return;
        const stored = await read(name);
        if (!stored || Buffer.compare(stored, bytes) !== 0)
          throw new Fault('WormConflict', 'an erasable object is stored under this name with other bytes');
      }),
    get: (name) => guarded(() => read(name)),
    erase: (name) =>
      guarded(async () => {
        deleteKey.run(name);
        database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
        await removeFile(name);
      }),
  };
}
