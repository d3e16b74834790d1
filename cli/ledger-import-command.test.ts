import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { TenantId } from '../events/fields.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { dataFolder } from './data-folder.ts';
import { defaultConfigText } from './default-config.ts';
import { ledgerExportCommand, ledgerProveCommand } from './ledger-command.ts';
import { ledgerImportCommand } from './ledger-import-command.ts';
import { verifyLedgerCommand } from './ledger-verify-commands.ts';
import { queryCommand } from './query-command.ts';
import { openStores } from './stores.ts';

const ORIGIN = 'ledger.example.com/acme';
const STRANGER = formatVerifierKey(verifierKeyOf(ORIGIN, new Uint8Array(32).fill(9)));
const SIZE = 260;

let root: string;
let exported: string;
let key: string;
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-import-'));
  const drafts = Array.from({ length: SIZE }, (_, at) => draftOf(`entry-${at}`, `r${at % 7}`));
  const data = await smallDataFolder(join(root, 'data'), drafts);
  key = data.verifierKey;
  exported = join(root, 'exported');
  await runCommand(ledgerExportCommand, [exported, '--data', data.folder.root]);
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A data folder as `relseal init` leaves it: a configuration, and nothing of a log. */
async function emptyFolder(config = defaultConfigText): Promise<string> {
  made += 1;
  const folder = dataFolder(join(root, `empty-${made}`));
  await mkdir(folder.keys, { recursive: true });
  await writeFile(folder.config, config);
  return folder.root;
}

const importTo = (folder: string, from = exported, vkey = key, ...more: string[]) =>
  runCommand(ledgerImportCommand, [from, '--key', vkey, '--data', folder, ...more]);

async function sizeOf(folder: string): Promise<number> {
  const stores = openStores(dataFolder(folder));
  try {
    return (await stores.ledger.head(TenantId.parse('acme'))).size;
  } finally {
    stores.close();
  }
}

/** A copy of the export with one file changed, or taken away. */
async function damaged(path: string, change: (bytes: Buffer) => Buffer | undefined): Promise<string> {
  made += 1;
  const copy = join(root, `damaged-${made}`);
  await cp(exported, copy, { recursive: true });
  const changed = change(await readFile(join(copy, path)));
  if (changed) await writeFile(join(copy, path), changed);
  else await rm(join(copy, path));
  return copy;
}

describe('relseal ledger import', () => {
  it('makes a copy that is exported, proved and searched like the log itself', async () => {
    const folder = await emptyFolder();
    const ran = await importTo(folder, exported, key, '--verify', '--json');
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { outcome: 'pass', tenant: 'acme', origin: ORIGIN, size: SIZE, added: SIZE },
    ]);
    const again = join(root, 'exported-again');
    await runCommand(ledgerExportCommand, [again, '--data', folder]);
    expect((await runCommand(verifyLedgerCommand, [again, '--key', key])).code).toBe(0);
    expect(await readFile(join(again, 'checkpoint'), 'utf8')).toBe(
      await readFile(join(exported, 'checkpoint'), 'utf8'),
    );
    expect((await runCommand(ledgerProveCommand, ['41', '--data', folder])).code).toBe(0);
    const found = await runCommand(queryCommand, ['--data', folder, '--kind', 'check', '--limit', '1000', '--json']);
    expect(found.json()).toMatchObject({ asOfIndex: SIZE });
    expect((await importTo(folder)).out).toEqual([
      `pass  ${exported}`,
      expect.stringMatching(/^ {2}0 of 260 entries of ledger\.example\.com\/acme imported, root [0-9a-f]{64}$/),
    ]);
  });

  it('reads a log over HTTP too', async () => {
    const server = createServer((request, response) => {
      readFile(join(exported, request.url?.slice('/log/'.length) ?? '')).then(
        (bytes) => response.end(bytes),
        () => response.writeHead(404).end(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    const ran = await importTo(await emptyFolder(), `http://127.0.0.1:${port}/log`, key, '--json');
    server.close();
    expect([ran.code, ran.json()]).toMatchObject([0, { added: SIZE }]);
  });

  it.each<[string, string, (bytes: Buffer) => Buffer | undefined, string]>([
    [
      'an entry is changed',
      'tile/entries/000',
      (bytes) => bytes.with(40, (bytes[40] ?? 0) ^ 1) as Buffer,
      'ledger.root-mismatch',
    ],
    [
      'a tile is changed',
      'tile/0/000',
      (bytes) => bytes.with(0, (bytes[0] ?? 0) ^ 1) as Buffer,
      'ledger.tile-mismatch',
    ],
    ['entries are missing', 'tile/entries/001.p/4', () => undefined, 'ledger.bundle-missing'],
    ['the checkpoint is missing', 'checkpoint', () => undefined, 'ledger.checkpoint-missing'],
    [
      'the checkpoint is forged',
      'checkpoint',
      (bytes) => Buffer.from(bytes.toString().replace('\n260\n', '\n259\n')),
      'ledger.checkpoint-signature',
    ],
  ])('refuses a log where %s, and imports nothing of it', async (_what, path, change, code) => {
    const folder = await emptyFolder();
    const ran = await importTo(folder, await damaged(path, change), key, '--json');
    expect(ran.code).toBe(1);
    expect(ran.json()).toMatchObject({
      outcome: 'refuse',
      reasons: expect.arrayContaining([expect.objectContaining({ code })]),
    });
    expect(await sizeOf(folder)).toBe(0);
  });

  it('refuses a folder of another log', async () => {
    const other = await smallDataFolder(join(root, 'other'), [draftOf('x'), draftOf('y')]);
    await writeFile(join(other.folder.keys, 'acme.vkey'), `${STRANGER}\n`);
    const otherKey = await importTo(other.folder.root, exported, key, '--json');
    expect([otherKey.code, otherKey.json()]).toMatchObject([1, { reasons: [{ code: 'import.other-key' }] }]);
    await rm(join(other.folder.keys, 'acme.vkey'));
    const ran = await importTo(other.folder.root, exported, key, '--json');
    expect([ran.code, ran.json()]).toMatchObject([1, { reasons: [{ code: 'import.not-a-prefix' }] }]);
    expect(await sizeOf(other.folder.root)).toBe(2);
  });

  it('refuses a log of another name than the tenant’s, and one that the key did not sign', async () => {
    const renamed = await emptyFolder(defaultConfigText.replace(ORIGIN, 'ledger.example.com/other'));
    const ran = await importTo(renamed, exported, key, '--json');
    expect([ran.code, ran.json()]).toMatchObject([1, { reasons: [{ code: 'import.other-log' }] }]);
    const folder = await emptyFolder();
    const stranger = await importTo(folder, exported, STRANGER, '--json');
    expect([stranger.code, stranger.json()]).toMatchObject([1, { reasons: [{ code: 'ledger.checkpoint-signature' }] }]);
    const tenant = await emptyFolder(defaultConfigText.replace('- id: acme', '- id: globex'));
    const foreign = await importTo(tenant, exported, key, '--json');
    expect([foreign.code, foreign.json()]).toMatchObject([1, { reasons: [{ code: 'import.other-tenant' }] }]);
  });

  it('tells wrong usage as such', async () => {
    const folder = await emptyFolder();
    await expect(runCommand(ledgerImportCommand, ['--key', key, '--data', folder])).rejects.toThrow(
      /one folder or URL/,
    );
    await expect(runCommand(ledgerImportCommand, [exported, '--data', folder])).rejects.toThrow(/--key is required/);
    await expect(runCommand(ledgerImportCommand, [exported, '--key', key])).rejects.toThrow(/--data is required/);
    await expect(importTo(folder, join(root, 'none'))).rejects.toThrow(/is no folder/);
    await expect(importTo(join(root, 'no-data'))).rejects.toThrow(/relseal init/);
    await expect(importTo(folder, exported, key, '--tenant', 'globex')).rejects.toThrow(/globex/);
  });
});
