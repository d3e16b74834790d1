import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { H1Digest, ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { openFileH1Memo } from './file-h1-memo.ts';

const MODULE = ModulePath.parse('example.com/m');
const VERSION = ModuleVersion.parse('v1.0.0');
const entryOf = (letter: string) => ({
  module: MODULE,
  version: VERSION,
  sha256: Sha256Hex.parse(letter.repeat(64)),
  h1: H1Digest.parse(`h1:${letter.toUpperCase().repeat(43)}=`),
  rules: 1,
});
const [A, B] = [entryOf('a'), entryOf('b')];

let root: string;
let file: string;
let keyFile: string;
let made = 0;
const open = () => openFileH1Memo({ file, keyFile });
const found = async () => (await open()).find(MODULE, VERSION);

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-memo-'));
});
beforeEach(() => {
  made += 1;
  file = join(root, `cache-${made}`, 'memo');
  keyFile = join(root, `keys-${made}`, 'memo.key');
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('the h1 memo in a file', () => {
  it('knows what was added, at once and when it is opened again', async () => {
    const memo = await open();
    expect(await memo.find(MODULE, VERSION)).toEqual([]);
    await memo.add(A);
    await memo.add(B);
    expect(await memo.find(MODULE, VERSION)).toEqual([A, B]);
    expect(await found()).toEqual([A, B]);
    expect(await memo.find(MODULE, ModuleVersion.parse('v1.0.1'))).toEqual([]);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o400);
  });

  it('is shared by several writers', async () => {
    const memos = await Promise.all(Array.from({ length: 4 }, open));
    await Promise.all(memos.map((memo, at) => memo.add(entryOf('abcd'.charAt(at)))));
    expect((await found()).map(({ sha256 }) => sha256.charAt(0)).sort()).toEqual(['a', 'b', 'c', 'd']);
  });

  it('believes no entry that was changed in any byte', async () => {
    await (await open()).add(A);
    const bytes = await readFile(file);
    for (let at = 0; at < bytes.length; at += 3) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await writeFile(file, changed);
      const [entry] = await found();
      // Only what separates lines may change without a loss.
      if (entry) expect([entry, String.fromCharCode(bytes[at] ?? 0)]).toEqual([A, '\n']);
    }
  });

  it('believes no entry of another key: one that someone else signed, or that a copied cache brought', async () => {
    await (await open()).add(A);
    keyFile = join(root, `other-${made}`, 'memo.key');
    expect(await found()).toEqual([]);
  });

  it('loses a line that a crash cut, wherever it was cut, and no other', async () => {
    const memo = await open();
    await memo.add(A);
    const { size } = await stat(file);
    await memo.add(B);
    const whole = await readFile(file);
    for (let end = size; end < whole.length - 1; end += 7) {
      await writeFile(file, whole);
      await truncate(file, end);
      expect(await found()).toEqual([A]);
      await (await open()).add(B);
      expect(await found()).toEqual([A, B]);
    }
  });

  it('reads past what is no entry', async () => {
    await (await open()).add(A);
    await appendFile(file, '\0\0\0\n[]\n["example.com/m"]\n{"module":"example.com/m"}\n');
    expect(await found()).toEqual([A]);
  });

  it('has its key elsewhere, and the key whole', async () => {
    const unusable = expect.objectContaining({ name: 'ConfigurationInvalid' });
    await expect(openFileH1Memo({ file, keyFile: join(file, '..', 'memo.key') })).rejects.toThrow(unusable);
    await open();
    await writeFile(keyFile, 'short');
    await expect(open()).rejects.toThrow(unusable);
  });

  it('is unavailable where it cannot be written', async () => {
    const memo = await open();
    await rm(join(file, '..'), { recursive: true });
    await expect(memo.add(A)).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});
