import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { keyFileName, ledgerExportCommand } from './ledger-command.ts';
import { verifyLedgerCommand } from './verify-commands.ts';

const PROGRAM = fileURLToPath(new URL('relseal.mjs', import.meta.url));
const KEY_FILE = 'ledger.example.com_acme.vkey';
/** A key of the same name that signed nothing. */
const STRANGER = formatVerifierKey(verifierKeyOf('ledger.example.com/acme', new Uint8Array(32).fill(9)));
const SIZE = 260;

let root: string;
let data: Awaited<ReturnType<typeof smallDataFolder>>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-export-'));
  const drafts = Array.from({ length: SIZE }, (_, at) => draftOf(`entry-${at}`, `r${at % 7}`));
  data = await smallDataFolder(join(root, 'data'), drafts);
});
afterAll(() => rm(root, { recursive: true, force: true }));

const exportTo = (target: string, from = data.folder.root, ...more: string[]) =>
  runCommand(ledgerExportCommand, [target, '--data', from, ...more]);
const verify = (target: string, key: string, ...more: string[]) =>
  runCommand(verifyLedgerCommand, [target, '--key', key, ...more]);
const filesOf = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();

/** A copy of an export for a test to damage. */
async function exported(name: string): Promise<string> {
  const [original, copy] = [join(root, 'original'), join(root, name)];
  await exportTo(original);
  await cp(original, copy, { recursive: true });
  return copy;
}

function relseal(...args: string[]): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('close', (code) => resolve({ code, stderr }));
  });
}

describe('relseal ledger export', () => {
  it('writes checkpoint, tiles, entry bundles and the key, the partial ones of the published size included', async () => {
    const target = join(root, 'plain');
    const ran = await exportTo(target, data.folder.root, '--json');
    expect([ran.code, ran.json()]).toEqual([
      0,
      { tenant: 'acme', origin: 'ledger.example.com/acme', size: SIZE, files: 5, keyFile: join(target, KEY_FILE) },
    ]);
    expect(await filesOf(target)).toEqual([
      'checkpoint',
      KEY_FILE,
      'tile/0/000',
      'tile/0/001.p/4',
      'tile/1/000.p/1',
      'tile/entries/000',
      'tile/entries/001.p/4',
    ]);
    expect(await readFile(join(target, KEY_FILE), 'utf8')).toBe(`${data.verifierKey}\n`);
    expect((await verify(target, data.verifierKey)).code).toBe(0);
  });

  it('brings an older export of the same log up to date', async () => {
    const other = await smallDataFolder(join(root, 'growing'), [draftOf('a'), draftOf('b')]);
    const target = join(root, 'grown');
    await exportTo(target, other.folder.root);
    await other.add([draftOf('c')]);
    await exportTo(target, other.folder.root);
    expect((await verify(target, other.verifierKey, '--json')).json()).toMatchObject({ outcome: 'pass', size: 3 });
  });

  it('never replaces a longer log by a shorter one, nor anything that is no export of this log', async () => {
    const short = await smallDataFolder(join(root, 'short'), [draftOf('a')]);
    await expect(exportTo(await exported('longer'), short.folder.root)).rejects.toThrow(
      /260 entries .* more than the 1/,
    );
    const full = join(root, 'full');
    await mkdir(full);
    await writeFile(join(full, 'notes.txt'), 'mine');
    await expect(exportTo(full)).rejects.toThrow(/is not empty/);
    expect(await filesOf(full)).toEqual(['notes.txt']);
    await expect(exportTo(join(full, 'notes.txt'))).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('says what is missing: the data folder, the key, a checkpoint', async () => {
    await expect(exportTo(join(root, 'x'), join(root, 'none'))).rejects.toThrow(/relseal init/);
    const keyless = await smallDataFolder(join(root, 'keyless'), [draftOf('a')]);
    await rm(join(keyless.folder.keys, 'acme.vkey'));
    await expect(exportTo(join(root, 'x'), keyless.folder.root)).rejects.toThrow(
      /acme\.vkey is missing: relseal serve/,
    );
    const empty = await smallDataFolder(join(root, 'empty'), []);
    await expect(exportTo(join(root, 'x'), empty.folder.root)).rejects.toThrow(/no checkpoint yet/);
  });

  it('exports no log whose checkpoint another key signed', async () => {
    const forged = await smallDataFolder(join(root, 'forged'), [draftOf('a')]);
    await writeFile(join(forged.folder.keys, 'acme.vkey'), STRANGER);
    await expect(exportTo(join(root, 'y'), forged.folder.root)).rejects.toMatchObject({ name: 'LedgerInconsistent' });
  });

  it('names the key file after the origin, on every file system and never outside the folder', () => {
    expect(keyFileName('ledger.example.com/acme')).toBe(KEY_FILE);
    expect(keyFileName('../../etc/x:y\\z')).toBe('_._.._etc_x_y_z.vkey');
    expect(keyFileName('..')).toBe('_..vkey');
  });
});

describe('relseal verify ledger', () => {
  it('reads the key from the argument or from a file', async () => {
    const target = await exported('keys');
    expect((await verify(target, join(target, KEY_FILE))).code).toBe(0);
    const ran = await verify(target, data.verifierKey, '--json');
    expect(ran.json()).toMatchObject({ outcome: 'pass', origin: 'ledger.example.com/acme', size: SIZE, entries: SIZE });
  });

  it('finds every changed, shortened or removed file', async () => {
    const target = await exported('damaged');
    for (const file of await filesOf(target)) {
      if (file === KEY_FILE) continue;
      const path = join(target, file);
      const good = await readFile(path);
      const flipped = Buffer.from(good);
      flipped.writeUInt8(flipped.readUInt8(flipped.length >> 1) ^ 1, flipped.length >> 1);
      for (const bytes of [flipped, good.subarray(0, -1), undefined]) {
        if (bytes) await writeFile(path, bytes);
        else await rm(path);
        const ran = await verify(target, data.verifierKey, '--json');
        expect([ran.code, ran.json()], file).toMatchObject([1, { outcome: 'refuse' }]);
        await writeFile(path, good);
      }
    }
    expect((await verify(target, data.verifierKey)).code).toBe(0);
  });

  it('stops when it is interrupted', async () => {
    const target = await exported('interrupted');
    const options = { signal: AbortSignal.abort() };
    await expect(runCommand(verifyLedgerCommand, [target, '--key', data.verifierKey], options)).rejects.toThrow();
  });

  it('exits 0 for a good log, 1 for a flipped byte or a wrong key, 2 for a missing folder or wrong usage', async () => {
    const [good, bad] = [await exported('good'), await exported('bad')];
    const bundle = join(bad, 'tile', 'entries', '000');
    const bytes = await readFile(bundle);
    bytes.writeUInt8(bytes.readUInt8(1000) ^ 1, 1000);
    await writeFile(bundle, bytes);
    const ran = await Promise.all([
      relseal('verify', 'ledger', good, '--key', data.verifierKey),
      relseal('verify', 'ledger', bad, '--key', data.verifierKey),
      relseal('verify', 'ledger', good, '--key', STRANGER),
      relseal('verify', 'ledger', join(root, 'nowhere'), '--key', data.verifierKey),
      relseal('verify', 'ledger', good),
      relseal('verify', 'ledger', good, '--key', `${data.verifierKey}x`),
    ]);
    expect(ran.map(({ code }) => code)).toEqual([0, 1, 1, 2, 2, 2]);
    expect(ran[3]?.stderr).toContain('nowhere is no folder');
    expect(ran[4]?.stderr).toContain('--key is required');
  });
});
