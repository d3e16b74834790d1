import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Hono } from 'hono';
import { afterAll, describe, expect, it } from 'vitest';
import { openSqlite } from '../adapters/embedded/sqlite.ts';
import { sqliteModuleLog } from '../adapters/embedded/sqlite-module-log.ts';
import { Config } from '../core/config.ts';
import { plainZipHasher } from '../core/gosum/zip-hashing.ts';
import type { ChecksumDatabase } from '../core/ports/checksum-database.ts';
import { openNote, parseVerifierKey } from '../core/tlog/note.ts';
import { fixedClock } from '../test/fakes/fixed-clock.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { type TestRecord, testChecksumDatabase } from '../test/fakes/test-checksum-database.ts';
import { dataFolder } from './data-folder.ts';
import { MODULE_DATABASES_PATH, openModuleDatabases } from './module-databases.ts';

const root = mkdtempSync(join(tmpdir(), 'module-databases-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const tenantOf = (id: string, more: object) => ({
  id,
  origin: `ledger.example.com/${id}`,
  policy: 'policy.yaml',
  modules: { proxy: 'off', checksumDatabase: 'sum.golang.org', ...more },
  sources: [{ provider: 'github', instance: 'github.com', repositories: [{ name: 'acme/app' }] }],
});
const config = Config.parse({
  schema: 'relseal.config/1',
  environment: { kind: 'test' },
  tenants: [tenantOf('acme', { database: 'sum.acme.example', public: ['example.com'] }), tenantOf('other', {})],
});
const RECORD: TestRecord = {
  module: 'example.com/lib',
  version: 'v1.0.0',
  zipH1: `h1:${'A'.repeat(43)}=`,
  goModH1: `h1:${'B'.repeat(43)}=`,
};

async function open(database: ChecksumDatabase = testChecksumDatabase([RECORD])) {
  const none = { goMod: async () => undefined, zip: async () => undefined };
  const index = { versions: async () => undefined, info: async () => undefined, latest: async () => undefined };
  const failures: unknown[] = [];
  const served = await openModuleDatabases({
    config,
    folder: dataFolder(root),
    passphrase: 'a test passphrase',
    repositories: { moduleDeps: () => ({ modules: { ...none, ...index }, database, hasher: plainZipHasher }) },
    store: sqliteModuleLog(openSqlite(':memory:')),
    heads: memoryHeadStore(),
    clock: fixedClock(),
    failed: (error) => failures.push(error),
  });
  const app = new Hono().route(MODULE_DATABASES_PATH, served.app);
  return { app, served, failures };
}

describe('the module databases of a server', () => {
  it('are those of tenants that name theirs, each under a key that stays', async () => {
    const { served } = await open();
    expect([...served.verifierKeys.keys()]).toEqual(['acme']);
    expect((await open()).served.verifierKeys).toEqual(served.verifierKeys);
  });

  it('answer in the protocol of a checksum database, signed by that key', async () => {
    const { app, served, failures } = await open();
    expect((await app.request('/sumdb/acme/supported')).status).toBe(200);
    const looked = await app.request('/sumdb/acme/lookup/example.com/lib@v1.0.0');
    expect(failures).toEqual([]);
    expect(await looked.text()).toContain(`example.com/lib v1.0.0 ${RECORD.zipH1}`);
    const key = parseVerifierKey(served.verifierKeys.get('acme') ?? '');
    expect(openNote(await (await app.request('/sumdb/acme/latest')).text(), [key]).kind).toBe('opened');
  });

  it('ask the public database for no record that was proved before', async () => {
    await (await open()).app.request('/sumdb/acme/lookup/example.com/lib@v1.0.0');
    const again = testChecksumDatabase([RECORD]);
    const looked = await (await open(again)).app.request('/sumdb/acme/lookup/example.com/lib@v1.0.0');
    expect(await looked.text()).toContain(`example.com/lib v1.0.0 ${RECORD.zipH1}`);
    expect(again.asked).toEqual(['latest']);
  });

  it('know no other tenants and no other paths', async () => {
    const { app } = await open();
    for (const path of ['other/supported', 'nobody/latest', 'acme/elsewhere', 'acme/lookup/nonsense'])
      expect((await app.request(`/sumdb/${path}`)).status, path).toBe(404);
  });
});
