import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goSettingsOf, readGoVariables, userFolders } from './go-env.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'relseal-goenv-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const read = async (environment: Record<string, string>, platform: NodeJS.Platform = 'linux') =>
  goSettingsOf(await readGoVariables({ HOME: home, ...environment }, platform));

async function writeGoEnv(file: string, text: string): Promise<string> {
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, text);
  return file;
}

const PUBLIC_KEY = 'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8';

describe('the settings of the go command', () => {
  it('are its published defaults where nothing is set', async () => {
    expect(await read({ GOENV: 'off' })).toEqual({
      proxy: 'https://proxy.golang.org,direct',
      database: { kind: 'on', verifierKey: PUBLIC_KEY },
      ownDatabase: false,
      noProxy: { variable: 'GOPRIVATE', patterns: [] },
      noDatabase: { variable: 'GOPRIVATE', patterns: [] },
      moduleCache: join(home, 'go', 'pkg', 'mod'),
      ignored: [],
    });
  });

  it('say where modules were downloaded to: GOMODCACHE, else the first folder of GOPATH', async () => {
    const cacheOf = async (more: Record<string, string>) => (await read({ GOENV: 'off', ...more })).moduleCache;
    expect(await cacheOf({ GOMODCACHE: '/modules', GOPATH: '/path' })).toBe('/modules');
    expect(await cacheOf({ GOPATH: ['/first', '/second'].join(delimiter) })).toBe(join('/first', 'pkg', 'mod'));
    const withoutHome = goSettingsOf(await readGoVariables({ GOENV: 'off' }, 'linux'));
    expect(withoutHome.moduleCache).toBeUndefined();
  });

  it('come from the environment, then from the file that GOENV names, and an empty variable counts as none', async () => {
    const GOENV = await writeGoEnv(join(home, 'named'), 'GOPROXY=https://a.example.com\nGOPRIVATE=a.example.com\n');
    expect((await read({ GOENV })).proxy).toBe('https://a.example.com');
    expect((await read({ GOENV, GOPROXY: '' })).proxy).toBe('https://a.example.com');
    expect((await read({ GOENV, GOPROXY: 'off' })).proxy).toBe('off');
    expect((await read({ GOENV })).noDatabase.patterns).toEqual(['a.example.com']);
    expect((await read({ GOENV: join(home, 'missing') })).proxy).toBe('https://proxy.golang.org,direct');
  });

  it('lie where the go command keeps them on each system', async () => {
    for (const [platform, variables, place] of [
      ['linux', {}, join('.config', 'go', 'env')],
      ['linux', { XDG_CONFIG_HOME: join(home, 'xdg') }, join('xdg', 'go', 'env')],
      ['darwin', {}, join('Library', 'Application Support', 'go', 'env')],
      ['win32', { AppData: join(home, 'Roaming') }, join('Roaming', 'go', 'env')],
    ] as const) {
      const file = await writeGoEnv(join(home, place), `GOPROXY=https://${platform}.example.com/${place.length}\n`);
      expect((await read(variables, platform)).proxy).toBe(`https://${platform}.example.com/${place.length}`);
      await rm(file);
    }
  });

  it('skip comments and what is no assignment, and the last of two counts', async () => {
    const text =
      '# GOPROXY=https://comment.example.com\nnonsense\n =x\ngoproxy=x\nGOPROXY=a\nGOPROXY=https://b.example.com?c=d';
    expect((await read({ GOENV: await writeGoEnv(join(home, 'odd'), text) })).proxy).toBe('https://b.example.com?c=d');
  });

  it('cannot be had from a file that cannot be read: that is said, not taken for none', async () => {
    await expect(read({ GOENV: home })).rejects.toThrow(/GOENV names .* cannot be read/);
  });

  it('take GOPRIVATE for what GONOPROXY and GONOSUMDB do not say themselves', async () => {
    const settings = await read({ GOENV: 'off', GOPRIVATE: '*.acme.example, ,other.example/x', GONOPROXY: 'none' });
    expect(settings.noProxy).toEqual({ variable: 'GONOPROXY', patterns: ['none'] });
    expect(settings.noDatabase).toEqual({ variable: 'GOPRIVATE', patterns: ['*.acme.example', 'other.example/x'] });
  });

  it('name a checksum database by its name, its key, its mirror, or off', async () => {
    const database = async (GOSUMDB: string) => (await read({ GOENV: 'off', GOSUMDB })).database;
    expect(await database('off')).toEqual({ kind: 'off' });
    expect(await database('sum.golang.org')).toEqual({ kind: 'on', verifierKey: PUBLIC_KEY });
    const mirror = { kind: 'on', verifierKey: PUBLIC_KEY, url: new URL('https://sum.golang.google.cn') };
    expect(await database('sum.golang.google.cn')).toEqual(mirror);
    const own = 'sum.example.com+00000000+AAAA';
    expect(await database(`${own} https://db.example.com/x`)).toMatchObject({
      verifierKey: own,
      url: new URL('https://db.example.com/x'),
    });
    const isOwn = async (GOSUMDB: string) => (await read({ GOENV: 'off', GOSUMDB })).ownDatabase;
    expect([await isOwn(own), await isOwn(PUBLIC_KEY), await isOwn('off')]).toEqual([true, false, false]);
    await expect(database('a b c')).rejects.toThrow(/at most one URL/);
    await expect(database('a b')).rejects.toThrow(/no URL/);
  });

  it('name every variable that would weaken the check, and no other', async () => {
    const weak = { GONOSUMCHECK: '1', GOINSECURE: '*', GOFLAGS: '-mod=mod -insecure', GOAUTH: 'git /home' };
    expect((await read({ GOENV: 'off', ...weak })).ignored).toEqual([
      'GONOSUMCHECK',
      'GOINSECURE',
      'GOFLAGS',
      'GOAUTH',
    ]);
    expect((await read({ GOENV: 'off', GOFLAGS: '-mod=mod -tags=insecure', GOAUTH: 'netrc' })).ignored).toEqual([]);
  });
});

describe('the folders of a user', () => {
  it('are those that each system has for caches and for settings', () => {
    const linux = { cache: join('/home/me', '.cache'), config: join('/home/me', '.config') };
    expect(userFolders({ HOME: '/home/me' }, 'linux')).toEqual(linux);
    const named = { XDG_CACHE_HOME: '/cache', XDG_CONFIG_HOME: '/config' };
    expect(userFolders(named, 'linux')).toEqual({ cache: '/cache', config: '/config' });
    const library = join('/Users/me', 'Library');
    expect(userFolders({ HOME: '/Users/me' }, 'darwin')).toEqual({
      cache: join(library, 'Caches'),
      config: join(library, 'Application Support'),
    });
    const windows = { LocalAppData: 'C:/Local', AppData: 'C:/Roaming' };
    expect(userFolders(windows, 'win32')).toEqual({ cache: 'C:/Local', config: 'C:/Roaming' });
  });

  it('are none where the environment names no home', () => {
    expect(userFolders({}, 'linux')).toBeUndefined();
    expect(userFolders({ XDG_CACHE_HOME: '/cache' }, 'linux')).toBeUndefined();
    expect(userFolders({}, 'win32')).toBeUndefined();
  });
});
