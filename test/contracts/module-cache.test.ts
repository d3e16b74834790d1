import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderModuleCache } from '../../adapters/embedded/folder-module-cache.ts';
import { H1Digest } from '../../core/brands.ts';
import { moduleObjectName } from '../../core/gosum/cached-modules.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import { TenantId } from '../../events/fields.ts';
import { memoryModuleCache } from '../fakes/memory-module-cache.ts';
import { describeModuleCache } from './module-cache.contract.ts';

const TENANT = TenantId.parse('acme');
const H1 = H1Digest.parse(`h1:${'A'.repeat(43)}=`);

let root: string;
let made = 0;
const freshFolder = (): string => {
  made += 1;
  return join(root, String(made));
};
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-module-cache-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describeModuleCache('memory', async () => memoryModuleCache());
describeModuleCache('a folder', async () => folderModuleCache(freshFolder(), TENANT));

describe('a folder of module bytes', () => {
  it('is of one tenant', async () => {
    const folder = freshFolder();
    await folderModuleCache(folder, TENANT).put('zip', H1, accessOf(Buffer.from('private')));
    expect(await folderModuleCache(folder, TenantId.parse('other')).get('zip', H1)).toBeUndefined();
  });

  it('lets other threads read by a descriptor', async () => {
    const cache = folderModuleCache(freshFolder(), TENANT);
    await cache.put('zip', H1, accessOf(Buffer.from('a zip')));
    const kept = await cache.get('zip', H1);
    expect(kept?.descriptor).toBeGreaterThan(2);
    await kept?.release();
  });

  it('never shows what a process was writing when it died, and removes it a day later', async () => {
    const folder = freshFolder();
    const cache = folderModuleCache(folder, TENANT);
    await cache.put('zip', H1, accessOf(Buffer.from('whole')));
    await writeFile(join(folder, '.tmp', 'fresh'), 'hal');
    await writeFile(join(folder, '.tmp', 'old'), 'ha');
    const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
    await utimes(join(folder, '.tmp', 'old'), twoDaysAgo, twoDaysAgo);
    await folderModuleCache(folder, TENANT).put('go.mod', H1, accessOf(Buffer.from('module a\n')));
    expect(await readdir(join(folder, '.tmp'))).toEqual(['fresh']);
  });

  it('replaces an object that was changed', async () => {
    const folder = freshFolder();
    const cache = folderModuleCache(folder, TENANT);
    await cache.put('zip', H1, accessOf(Buffer.from('good')));
    await rm(join(folder, moduleObjectName(TENANT, 'zip', H1)));
    await writeFile(join(folder, moduleObjectName(TENANT, 'zip', H1)), 'changed');
    await cache.put('zip', H1, accessOf(Buffer.from('good')));
    const kept = await cache.get('zip', H1);
    expect(Buffer.from((await kept?.read(0, 4)) ?? []).toString()).toBe('good');
    await kept?.release();
  });

  it('is unavailable, never empty, where the folder cannot be used', async () => {
    const file = freshFolder();
    await writeFile(file, '');
    await expect(folderModuleCache(file, TENANT).put('zip', H1, accessOf(Buffer.from('x')))).rejects.toMatchObject({
      name: 'StoreUnavailable',
    });
  });
});
