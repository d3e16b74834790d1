import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { formatVerifierKey, verifierKeyOf } from '../core/tlog/note.ts';
import { draftOf } from '../test/contracts/ledger-drafts.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { keyFileName, ledgerExportCommand, ledgerProveCommand } from './ledger-command.ts';
import { verifyLedgerCommand, verifyProofCommand } from './ledger-verify-commands.ts';

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
const prove = async (named: string) => {
  const { out } = await runCommand(ledgerProveCommand, [named, '--data', data.folder.root]);
  return out.join('\n').split('\n');
};
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

/** An export over HTTP on this machine, below `/logs/`; `broken` paths are answered with that status. */
async function served(folder: string, broken: Readonly<Record<string, number>> = {}) {
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').replace('/logs/', '');
    const bytes = broken[path] === undefined ? await readFile(join(folder, path)).catch(() => undefined) : undefined;
    response.writeHead(bytes ? 200 : (broken[path] ?? 404)).end(bytes);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/logs`, stop: () => server.close() };
}

describe('relseal verify ledger over HTTP', () => {
  it('reads a log as it reads a folder, and finds what is not there', async () => {
    const { url, stop } = await served(await exported('served'));
    expect((await verify(url, data.verifierKey, '--json')).json()).toMatchObject({ outcome: 'pass', entries: SIZE });
    expect((await verify(`${url}/elsewhere/`, data.verifierKey, '--json')).json()).toMatchObject({
      ...{ outcome: 'refuse', reasons: [{ code: 'ledger.checkpoint-missing' }] },
    });
    stop();
  });

  it('shows nobody the credentials that a URL holds', async () => {
    const { url, stop } = await served(await exported('behind-a-login'), { 'tile/entries/000': 403 });
    const secret = url.replace('://', '://reader:a-test-password@');
    for (const more of [[], ['--json']]) {
      const { code, out } = await verify(secret, data.verifierKey, ...more);
      expect([code, out.join()]).toEqual([3, expect.stringContaining(url)]);
      expect(out.join()).not.toContain('a-test-password');
    }
    stop();
  });

  it('is not checked, and no refusal, where the log cannot be reached', async () => {
    const { url, stop } = await served(await exported('forbidden'), { 'tile/entries/000': 403 });
    const ran = await verify(url, data.verifierKey, '--json');
    expect([ran.code, ran.json()]).toMatchObject([3, { outcome: 'not-checked', reasons: [] }]);
    stop();
    for (const wrong of ['https://', 'http://[', 'https://user name@x y/', `${url}?a=b`, `${url}#a`])
      await expect(verify(wrong, data.verifierKey)).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('relseal verify ledger --from', () => {
  it('accepts a log that goes on from an older checkpoint or proof', async () => {
    const target = await exported('went-on');
    const [proof] = [join(root, 'went-on.tlog-proof')];
    await writeFile(proof, `${(await prove('7')).join('\n')}\n`);
    for (const from of [proof, join(target, 'checkpoint')]) {
      const ran = await verify(target, data.verifierKey, '--from', from);
      expect([ran.code, ran.out.join()]).toEqual([0, expect.stringContaining(`goes on from ${SIZE} entries`)]);
    }
  });

  it('refuses one that is shorter than it was', async () => {
    const less = await smallDataFolder(join(root, 'less'), [draftOf('a')]);
    const target = join(root, 'shorter');
    await exportTo(target, less.folder.root);
    const longer = await exported('longer');
    const ran = await verify(target, data.verifierKey, '--from', join(longer, 'checkpoint'), '--json');
    expect([ran.code, ran.json()]).toMatchObject([
      1,
      { reasons: expect.arrayContaining([expect.objectContaining({ code: 'ledger.truncated' })]) },
    ]);
  });

  it('takes nothing for an older checkpoint that this key did not sign', async () => {
    const target = await exported('unsigned');
    const file = join(root, 'some-file');
    for (const text of [
      '',
      'ledger.example.com/acme\n1\nAAAA\n',
      (await readFile(join(target, 'checkpoint'), 'utf8')).replace('\n260\n', '\n261\n'),
    ]) {
      await writeFile(file, text);
      await expect(verify(target, data.verifierKey, '--from', file)).rejects.toMatchObject({ name: 'UsageError' });
    }
    await expect(verify(target, data.verifierKey, '--from', join(root, 'none'))).rejects.toThrow(/none/);
  });
});

describe('relseal ledger prove, and verify proof', () => {
  const file = () => join(root, 'entry.tlog-proof');
  const check = (...more: string[]) => runCommand(verifyProofCommand, [file(), ...more]);
  const keep = async (text: readonly string[]) => writeFile(file(), `${text.join('\n')}\n`);

  it('proves an entry by its index and by its leaf hash, with nothing but the key', async () => {
    await keep(await prove('41'));
    const ran = await check('--key', data.verifierKey, '--json');
    expect([ran.code, ran.json()]).toMatchObject([
      0,
      { outcome: 'pass', origin: 'ledger.example.com/acme', index: 41, size: SIZE, witnesses: [] },
    ]);
    const { leaf } = z.object({ leaf: z.string() }).parse(ran.json());
    expect(await prove(leaf)).toEqual(await prove('41'));
    const shown = await check('--key', data.verifierKey);
    expect(shown.out).toEqual([
      `pass  ${file()}`,
      `  entry 41 of ${SIZE} of ledger.example.com/acme`,
      expect.stringMatching(/^ {2}check pass, .*Z, acme, r6$/),
    ]);
  });

  it('takes another entry, or one from a file, for what it is', async () => {
    const out = await prove('3');
    const entry = Buffer.from(out[1]?.slice('extra '.length) ?? '', 'base64');
    const other = Buffer.from((await prove('4'))[1]?.slice('extra '.length) ?? '', 'base64');
    const [same, wrong] = [join(root, 'same'), join(root, 'wrong')];
    await writeFile(same, entry);
    await writeFile(wrong, other);
    await keep(out.toSpliced(1, 1));
    await expect(check('--key', data.verifierKey)).rejects.toThrow(/--entry/);
    expect((await check('--key', data.verifierKey, '--entry', same)).code).toBe(0);
    const refused = await check('--key', data.verifierKey, '--entry', wrong, '--json');
    expect([refused.code, refused.json()]).toMatchObject([1, { reasons: [{ code: 'ledger.proof-invalid' }] }]);
    expect(refused.out.join()).not.toContain('--entry');
    await keep(out.with(1, `extra ${Buffer.from('of another maker').toString('base64')}`));
    const foreign = await check('--key', data.verifierKey);
    expect([foreign.code, foreign.out.join()]).toEqual([1, expect.stringContaining('name the entry with --entry')]);
    expect((await check('--key', data.verifierKey, '--entry', same)).code).toBe(0);
    await keep(out);
    expect((await check('--key', STRANGER, '--json')).code).toBe(1);
  });

  it('wants the cosignatures that a policy asks for', async () => {
    await keep(await prove('0'));
    const policy = join(root, 'log.policy');
    const witness = formatVerifierKey(
      verifierKeyOf('witness.example/w', new Uint8Array(32).fill(7), 'ed25519-cosignature'),
    );
    await writeFile(policy, `log ${data.verifierKey}\nquorum none\n`);
    expect((await check('--policy', policy)).code).toBe(0);
    await writeFile(policy, `log ${data.verifierKey}\nwitness w ${witness}\nquorum w\n`);
    const refused = await check('--policy', policy, '--json');
    expect([refused.code, refused.json()]).toMatchObject([
      1,
      { reasons: [{ found: expect.stringContaining('too few') }] },
    ]);
    await writeFile(policy, 'logs\n');
    await expect(check('--policy', policy)).rejects.toThrow(/log\.policy:1:1/);
  });

  it('tells wrong usage as such', async () => {
    for (const named of ['260', '-1', 'abc', 'f'.repeat(64)])
      await expect(prove(named)).rejects.toMatchObject({ name: 'UsageError' });
    await keep(['no proof']);
    await expect(check('--key', data.verifierKey)).rejects.toThrow(/is no tlog-proof/);
    await expect(check()).rejects.toThrow(/--key or --policy/);
    await expect(check('--key', data.verifierKey, '--policy', file())).rejects.toThrow(/not both/);
  });
});
