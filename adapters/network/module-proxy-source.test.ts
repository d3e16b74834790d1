import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { ModulePath } from '../../core/brands.ts';
import type { ModuleSource } from '../../core/ports/module-source.ts';
import { GitSha } from '../../events/fields.ts';
import { moduleProxySource } from './module-proxy-source.ts';

const module = ModulePath.parse('example.com/m');
const commit = GitSha.parse('a'.repeat(40));
const utf8 = (text: string) => new TextEncoder().encode(text);

/** A proxy with one version, v1.0.0, whose zip has these bytes; counts zips that were not released. */
function proxyOf(zip: Uint8Array): ModuleSource & { open: number } {
  const modules = {
    open: 0,
    goMod: async (_: string, version: string) => (version === 'v1.0.0' ? utf8('module example.com/m\n') : undefined),
    zip: async (_: string, version: string) => {
      if (version !== 'v1.0.0') return undefined;
      modules.open += 1;
      return {
        size: zip.length,
        read: async (offset: number, length: number) => zip.subarray(offset, offset + length),
        release: async () => {
          modules.open -= 1;
        },
      };
    },
  };
  return modules;
}

const GOOD = zipSync({
  'example.com/m@v1.0.0/go.mod': utf8('module example.com/m\n'),
  'example.com/m@v1.0.0/a/b.go': utf8('b'),
});

describe('a module proxy as a source', () => {
  it('shows the files of the zip without the prefix of the version, and releases the zip', async () => {
    const proxy = proxyOf(GOOD);
    const files = await moduleProxySource(proxy, module).files(commit, 'sub/v1.0.0');
    expect(files?.map(({ path, bytes }) => [path, new TextDecoder().decode(bytes)])).toEqual([
      ['go.mod', 'module example.com/m\n'],
      ['a/b.go', 'b'],
    ]);
    expect(proxy.open).toBe(0);
  });

  it('has no release without a claimed commit', async () => {
    const source = moduleProxySource(proxyOf(GOOD), module);
    expect(await source.resolveTag('v1.0.0', undefined)).toBeUndefined();
    expect(await source.resolveTag('v1.0.0', commit)).toEqual({ commit, resolution: 'claimed' });
  });

  it('cannot be read, and releases the zip, when the zip is of another version or none at all', async () => {
    for (const zip of [zipSync({ 'example.com/m@v1.0.1/go.mod': utf8('') }), utf8('no zip'), GOOD.subarray(0, -1)]) {
      const proxy = proxyOf(zip);
      const reading = moduleProxySource(proxy, module).files(commit, 'v1.0.0');
      await expect(reading).rejects.toMatchObject({ name: 'SourceUnreachable' });
      expect(proxy.open).toBe(0);
    }
  });
});
