import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { fileLoginStore } from './file-login-store.ts';

const TOKEN = 'a test refresh token';
const root = mkdtempSync(join(tmpdir(), 'logins-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('logins in a folder', () => {
  let folder = '';
  let count = 0;
  beforeEach(() => {
    count += 1;
    folder = join(root, `logins-${count}`);
  });
  const only = async () => join(folder, (await readdir(folder))[0] ?? '');
  const mode = async (path: string) => (await stat(path)).mode & 0o777;

  it('are kept by host, the port included, and replaced', async () => {
    const store = fileLoginStore(folder);
    expect(await store.load('git.example.com')).toBeUndefined();
    await store.save('git.example.com', 'old');
    await store.save('git.example.com', TOKEN);
    await store.save('git.example.com:8443', 'other');
    expect(await fileLoginStore(folder).load('git.example.com')).toBe(TOKEN);
    expect(await store.load('git.example.com:8443')).toBe('other');
    expect(await readdir(folder)).toHaveLength(2);
  });

  it('are for their owner alone, whatever the folder and the file were before', async () => {
    const store = fileLoginStore(folder);
    await mkdir(folder, { mode: 0o755 });
    await store.save('git.example.com', 'old');
    await chmod(await only(), 0o644);
    await store.save('git.example.com', TOKEN);
    expect([await mode(folder), await mode(await only())]).toEqual([0o700, 0o600]);
  });

  it.each([
    ['cut off', (text: string) => text.slice(0, -2)],
    ['of another host', (text: string) => text.replace('git.example.com', 'evil.example.com')],
    ['without a token', (text: string) => text.replace(TOKEN, '')],
    ['empty', () => ''],
  ])('that are damaged ask for a new login and show nothing: %s', async (_what, damage) => {
    const store = fileLoginStore(folder);
    await store.save('git.example.com', TOKEN);
    await writeFile(await only(), damage(await readFile(await only(), 'utf8')));
    const failed = await store.load('git.example.com').catch((error: unknown) => error);
    expect(failed).toMatchObject({
      name: 'ConfigurationInvalid',
      message: 'the login of git.example.com is damaged: log in again',
    });
    expect(failed).not.toHaveProperty('cause');
  });

  it('that cannot be read or written are StoreUnavailable', async () => {
    await writeFile(folder, 'no folder');
    const unavailable = expect.objectContaining({ name: 'StoreUnavailable' });
    await expect(fileLoginStore(folder).load('git.example.com')).rejects.toThrow(unavailable);
    await expect(fileLoginStore(folder).save('git.example.com', TOKEN)).rejects.toThrow(unavailable);
  });

  it('leave no part of a file behind when they cannot be put in place', async () => {
    const store = fileLoginStore(folder);
    await store.save('git.example.com', TOKEN);
    const path = await only();
    rmSync(path);
    await mkdir(path);
    await expect(store.save('git.example.com', TOKEN)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(await readdir(folder)).toHaveLength(1);
  });
});
