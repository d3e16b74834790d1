import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fileErasableStore } from '../../adapters/embedded/file-erasable-store.ts';
import { fileWormStore } from '../../adapters/embedded/file-worm-store.ts';
import { createKeyFile, readKeyFile } from '../../adapters/embedded/key-file.ts';
import { keyFileNoteSigner } from '../../adapters/embedded/key-file-note-signer.ts';
import { keyFileSigner, signDigest } from '../../adapters/embedded/key-file-signer.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteLedgerStore } from '../../adapters/embedded/sqlite-ledger-store.ts';
import { describeErasableStore } from './erasable-store.contract.ts';
import { describeLedgerStore } from './ledger-store.contract.ts';
import { describeNoteSigner, describeSigner } from './signers.contract.ts';
import { describeWormStore } from './worm-store.contract.ts';

const folders: string[] = [];
async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'relseal-contract-'));
  folders.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

describeLedgerStore('SQLite', async () => sqliteLedgerStore(openSqlite(join(await freshFolder(), 'ledger.db'))));
describeWormStore('a folder', async () => fileWormStore(await freshFolder()));
describeErasableStore('a folder', async () => fileErasableStore(await freshFolder(), openSqlite(':memory:')));
describeSigner('a key file', async () => {
  const path = join(await freshFolder(), 'artifact.pem');
  await createKeyFile(path, 'artifact', 'open sesame');
  return keyFileSigner(path, 'open sesame');
});
describeNoteSigner('a key file', async () => {
  const path = join(await freshFolder(), 'log.pem');
  await createKeyFile(path, 'note', 'open sesame');
  return keyFileNoteSigner(path, 'open sesame');
});

describe('key files', () => {
  it('open with their passphrase only, and no message repeats it', async () => {
    const path = join(await freshFolder(), 'keys', 'log.pem');
    await createKeyFile(path, 'note', 'open sesame');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    for (const wrong of ['Open Sesame', '']) {
      const fault = await readKeyFile(path, 'note', wrong).catch((error: unknown) => error);
      expect(fault).toMatchObject({ name: 'ConfigurationInvalid' });
      expect(fault).not.toHaveProperty('cause');
      expect(String(fault)).not.toContain('Sesame');
    }
  });

  it('are not taken for a key of another kind, nor replaced', async () => {
    const path = join(await freshFolder(), 'log.pem');
    await createKeyFile(path, 'note', 'open sesame');
    const invalid = expect.objectContaining({ name: 'ConfigurationInvalid' });
    await expect(keyFileSigner(path, 'open sesame')).rejects.toThrow(invalid);
    await expect(createKeyFile(path, 'note', 'open sesame')).rejects.toThrow(invalid);
    await expect(createKeyFile(`${path}2`, 'note', '')).rejects.toThrow(invalid);
    await expect(readKeyFile(`${path}3`, 'note', 'open sesame')).rejects.toThrow(invalid);
    await writeFile(`${path}4`, '-----BEGIN PRIVATE KEY-----\n');
    await expect(readKeyFile(`${path}4`, 'note', 'open sesame')).rejects.toThrow(invalid);
  });

  it('sign as RFC 6979 §A.2.5 does', () => {
    const secret = 0xc9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721n;
    const sign = (message: string) =>
      Buffer.from(signDigest(secret, createHash('sha256').update(message).digest())).toString('hex');
    expect(sign('sample')).toBe(
      '3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716' +
        '022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
    );
    expect(sign('test')).toBe(
      '3045022100f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367' +
        '0220019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083',
    );
  });
});

describe('the folders', () => {
  it('leave no temporary file behind', async () => {
    const folder = await freshFolder();
    const store = fileWormStore(folder);
    await store.put('t/acme/a', Uint8Array.of(1));
    await store.put('t/acme/a', Uint8Array.of(1));
    await expect(store.put('t/acme/a', Uint8Array.of(2))).rejects.toThrow();
    expect(await readdir(join(folder, '.tmp'))).toEqual([]);
  });

  it('keep no plain text of an erasable object, and open none that was changed', async () => {
    const folder = await freshFolder();
    const store = fileErasableStore(folder, openSqlite(':memory:'));
    await store.put('t/acme/raw/1', Buffer.from('a person by name'));
    const file = join(folder, (await readdir(folder)).find((name) => name !== '.tmp') ?? '');
    const stored = await readFile(file);
    expect(stored.includes('person')).toBe(false);
    await rm(file);
    await writeFile(file, Buffer.concat([stored.subarray(0, -1), Buffer.of((stored.at(-1) ?? 0) ^ 1)]));
    await expect(store.get('t/acme/raw/1')).rejects.toThrow(expect.objectContaining({ name: 'EvidenceMissing' }));
  });

  it('store an object anew after an erasure that was cut short', async () => {
    const [folder, other] = [await freshFolder(), await freshFolder()];
    const database = openSqlite(join(other, 'keys.db'));
    const store = fileErasableStore(folder, database);
    await store.put('t/acme/raw/1', Buffer.from('first'));
    database.exec('DELETE FROM erasable_key');
    expect(await store.get('t/acme/raw/1')).toBeUndefined();
    await store.put('t/acme/raw/1', Buffer.from('second'));
    expect(await store.get('t/acme/raw/1')).toEqual(new TextEncoder().encode('second'));
  });
});
