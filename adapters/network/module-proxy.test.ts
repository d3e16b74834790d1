import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { openChecksumDatabase } from './checksum-database.ts';
import { openEgress } from './egress.ts';
import { goModuleCache } from './go-module-cache.ts';
import { parseProxyList } from './goproxy-helper.ts';
import { openModuleProxy } from './module-proxy.ts';

const PATH = ModulePath.parse('example.com/Mixed/m');
const VERSION = ModuleVersion.parse('v1.0.0');
const GO_MOD = '/example.com/!mixed/m/@v/v1.0.0.mod';
const ZIP = '/example.com/!mixed/m/@v/v1.0.0.zip';

const servers: Server[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-proxy-'));
});
afterAll(async () => {
  for (const server of servers) server.close();
  await rm(folder, { recursive: true, force: true });
});

type Answers = Record<string, number | string | readonly (number | string)[]>;

/** A proxy that answers a path with a body or a status; a list is answered one by one. */
async function proxy(answers: Answers): Promise<{ url: string; host: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const known = answers[path] ?? 404;
    const answer = Array.isArray(known) ? (known[asked.filter((each) => each === path).length - 1] ?? 404) : known;
    if (typeof answer === 'number') response.writeHead(answer).end();
    else response.end(answer);
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  return { url: `http://${host}`, host, asked };
}

const waits: number[] = [];
const client = (list: string) => {
  const hosts = [...list.matchAll(/127\.0\.0\.1:\d+/g)].map(([host]) => ({ host, private: true }));
  return { proxy: list, egress: openEgress(hosts), sleep: async (ms: number) => void waits.push(ms) };
};
const source = (list: string) => openModuleProxy({ ...client(list), temporaryFolder: folder });
const goMod = async (list: string) => {
  const bytes = await source(list).goMod(PATH, VERSION);
  return bytes && Buffer.from(bytes).toString();
};
const unreachable = expect.objectContaining({ name: 'ModuleProxyUnreachable' });

describe('a GOPROXY list', () => {
  it('is read as the go command reads it', () => {
    const kinds = (list: string) =>
      parseProxyList(list).map(({ kind, onAnyError }) => `${kind}${onAnyError ? '|' : ''}`);
    expect(kinds('https://a.example.com|b.example.com, direct,https://never.example.com')).toEqual([
      'https|',
      'https',
      'direct',
    ]);
    expect(kinds('off')).toEqual(['off']);
    const [first] = parseProxyList('https://me:p%40ss@a.example.com/x');
    expect(first).toMatchObject({ base: new URL('https://a.example.com/x/'), authorization: 'Basic bWU6cEBzcw==' });
    for (const list of ['', ' , ', 'ftp://a.example.com', 'https://'])
      expect(() => parseProxyList(list), list).toThrow(expect.objectContaining({ name: 'ConfigurationInvalid' }));
  });

  it('moves on at 404 and 410 behind a comma, and at any failure behind a bar', async () => {
    const good = await proxy({ [GO_MOD]: 'module m' });
    for (const status of [404, 410])
      expect(await goMod(`${(await proxy({ [GO_MOD]: status })).url},${good.url}`)).toBe('module m');
    const forbidden = await proxy({ [GO_MOD]: 403 });
    await expect(goMod(`${forbidden.url},${good.url}`)).rejects.toThrow(unreachable);
    expect(await goMod(`${forbidden.url}|${good.url}`)).toBe('module m');
  });

  it('says "none" only when every source was asked and said so', async () => {
    const [none, broken] = [await proxy({}), await proxy({ [GO_MOD]: 403 })];
    expect(await goMod(none.url)).toBeUndefined();
    await expect(goMod(`${broken.url}|${none.url}`)).rejects.toThrow(unreachable);
    await expect(goMod(`${none.url},direct`)).rejects.toThrow(unreachable);
    await expect(goMod('off')).rejects.toThrow(unreachable);
  });

  it('tries again after 429 and 5xx, with growing waits, and not after other answers', async () => {
    waits.length = 0;
    const flaky = await proxy({ [GO_MOD]: [500, 429, 'module m'] });
    expect(await goMod(flaky.url)).toBe('module m');
    expect(waits).toHaveLength(2);
    const [down, forbidden] = [await proxy({ [GO_MOD]: 503 }), await proxy({ [GO_MOD]: 403 })];
    await expect(goMod(down.url)).rejects.toThrow(unreachable);
    await expect(goMod(forbidden.url)).rejects.toThrow(unreachable);
    expect([down.asked.length, forbidden.asked.length]).toEqual([4, 1]);
  });
});

describe('module zips', () => {
  it('are read piece by piece from a file that is gone once they are released', async () => {
    const { url } = await proxy({ [ZIP]: '0123456789' });
    const zip = await source(url).zip(PATH, VERSION);
    expect(zip?.size).toBe(10);
    expect(Buffer.from((await zip?.read(3, 4)) ?? []).toString()).toBe('3456');
    await expect(zip?.read(8, 4)).rejects.toThrow(unreachable);
    await zip?.release();
    expect((await readdir(folder)).filter((name) => name.startsWith('relseal-zip-'))).toEqual([]);
  });

  it('leave nothing behind where there is none, and come from a folder as well', async () => {
    expect(await source((await proxy({})).url).zip(PATH, VERSION)).toBeUndefined();
    expect((await readdir(folder)).filter((name) => name.startsWith('relseal-zip-'))).toEqual([]);
    await mkdir(dirname(join(folder, ZIP)), { recursive: true });
    await writeFile(join(folder, ZIP), 'zip');
    const local = source(pathToFileURL(folder).href);
    const zip = await local.zip(PATH, VERSION);
    expect(zip?.size).toBe(3);
    await zip?.release();
    expect(await local.zip(PATH, ModuleVersion.parse('v1.0.1'))).toBeUndefined();
  });
});

describe('versions', () => {
  const LIST = '/example.com/!mixed/m/@v/list';
  const INFO = '/example.com/!mixed/m/@v/v1.0.0.info';
  const LATEST = '/example.com/!mixed/m/@latest';
  const facts = (version: string) => JSON.stringify({ Version: version, Time: '2019-04-11T23:18:29Z' });

  it('are listed with the bytes that say so', async () => {
    const { url } = await proxy({ [LIST]: 'v1.0.0\nv1.1.0\n', [INFO]: facts('v1.0.0'), [LATEST]: facts('v1.1.0') });
    const bytes = new Uint8Array(Buffer.from('v1.0.0\nv1.1.0\n'));
    expect(await source(url).versions(PATH)).toEqual({ versions: ['v1.0.0', 'v1.1.0'], bytes });
    expect(await source(url).info(PATH, VERSION)).toMatchObject({ version: 'v1.0.0', time: '2019-04-11T23:18:29Z' });
    expect(await source(url).latest(PATH)).toMatchObject({ version: 'v1.1.0' });
  });

  it('are absent where every source says so, and come from folders as well', async () => {
    const { url } = await proxy({});
    expect(await source(url).versions(PATH)).toBeUndefined();
    expect(await source(url).info(PATH, VERSION)).toBeUndefined();
    expect(await source(url).latest(PATH)).toBeUndefined();
    await mkdir(dirname(join(folder, LIST)), { recursive: true });
    await writeFile(join(folder, LIST), 'v1.0.0\n');
    expect((await source(pathToFileURL(folder).href).versions(PATH))?.versions).toEqual(['v1.0.0']);
  });

  it.each([
    ['a sign-in page for a list', { [LIST]: '<html>Sign in</html>' }],
    ['a sign-in page for a version', { [INFO]: '<html>Sign in</html>' }],
    ['another version than was asked for', { [INFO]: facts('v1.0.1') }],
    ['half an answer', { [LATEST]: '{"Version":"v1.0' }],
  ])('are unreadable, never absent, in %s', async (_, answers) => {
    const { url } = await proxy(answers);
    const other = await proxy({ [LIST]: 'v1.0.0\n', [INFO]: facts('v1.0.0'), [LATEST]: facts('v1.0.0') });
    const [asked] = Object.keys(answers);
    const ask = async (list: string) => {
      if (asked === LIST) return source(list).versions(PATH);
      return asked === INFO ? source(list).info(PATH, VERSION) : source(list).latest(PATH);
    };
    await expect(ask(url)).rejects.toThrow(unreachable);
    await expect(ask(`${url},${other.url}`)).rejects.toThrow(unreachable);
    expect(await ask(`${url}|${other.url}`)).toBeDefined();
  });
});

describe('a list that leads to origins', () => {
  const origin = (goModText: string | undefined) => ({
    goMod: async () => (goModText === undefined ? undefined : Buffer.from(goModText)),
    zip: async () => undefined,
    versions: async () => ({ versions: [VERSION], bytes: new Uint8Array() }),
    info: async () => undefined,
    latest: async () => undefined,
  });
  const withOrigin = (list: string, goModText: string | undefined) =>
    openModuleProxy({ ...client(list), direct: origin(goModText) });

  it('asks them where proxies have nothing, and not before', async () => {
    const [none, some] = [await proxy({}), await proxy({ [GO_MOD]: 'module m' })];
    expect(await withOrigin(`${none.url},direct`, 'from git').goMod(PATH, VERSION)).toEqual(Buffer.from('from git'));
    expect(Buffer.from((await withOrigin(`${some.url},direct`, 'from git').goMod(PATH, VERSION)) ?? [])).toEqual(
      Buffer.from('module m'),
    );
    const direct = withOrigin('direct', undefined);
    expect((await direct.versions(PATH))?.versions).toEqual([VERSION]);
    for (const asked of [direct.goMod(PATH, VERSION), direct.zip(PATH, VERSION), direct.info(PATH, VERSION)])
      expect(await asked).toBeUndefined();
    expect(await direct.latest(PATH)).toBeUndefined();
  });

  it('asks them after a failure only behind a bar', async () => {
    const { url } = await proxy({ [GO_MOD]: 403 });
    await expect(withOrigin(`${url},direct`, 'from git').goMod(PATH, VERSION)).rejects.toThrow(unreachable);
    expect(await withOrigin(`${url}|direct`, 'from git').goMod(PATH, VERSION)).toEqual(Buffer.from('from git'));
    await expect(withOrigin(`${url}|direct`, undefined).goMod(PATH, VERSION)).rejects.toThrow(unreachable);
  });

  it('is a fault where origins are not available', async () => {
    await expect(goMod('direct')).rejects.toThrow(/leads to "direct"/);
  });
});

describe('a proxy that', () => {
  const MIB = 1024 * 1024;
  const answering = async (answer: (response: ServerResponse) => void, limits: { hosts?: readonly string[] } = {}) => {
    const server = createServer((_request, response) => answer(response));
    servers.push(server);
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const address = server.address();
    const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
    const hosts = [host, ...(limits.hosts ?? [])].map((each) => ({ host: each, private: each === host }));
    const options = { proxy: `http://${host}`, egress: openEgress(hosts), sleep: async () => {} };
    return openModuleProxy({ ...options, temporaryFolder: folder });
  };
  const leftovers = async () => (await readdir(folder)).filter((name) => name.startsWith('relseal-zip-'));
  const fault = (name: string) => expect.objectContaining({ name });

  it('announces more than a go.mod may have is refused before a byte is read', async () => {
    const modules = await answering((response) => {
      response.writeHead(200, { 'content-length': String(16 * MIB + 1) });
      response.write('module m\n');
    });
    await expect(modules.goMod(PATH, VERSION)).rejects.toThrow(fault('LimitExceeded'));
  });

  it('announces more than a zip may have is refused before a byte is read', async () => {
    const modules = await answering((response) => {
      response.writeHead(200, { 'content-length': String(500 * MIB + 1) });
      response.write('PK');
    });
    await expect(modules.zip(PATH, VERSION)).rejects.toThrow(fault('LimitExceeded'));
    expect(await leftovers()).toEqual([]);
  });

  it('sends more than it may without announcing it is cut off', async () => {
    const modules = await answering((response) => {
      const piece = Buffer.alloc(MIB);
      const more = (): void => {
        while (!response.destroyed && response.write(piece));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    });
    await expect(modules.goMod(PATH, VERSION)).rejects.toThrow(fault('LimitExceeded'));
  });

  it('ends a zip before what it announced is tried again, then unreachable, and leaves nothing behind', async () => {
    let asked = 0;
    const modules = await answering((response) => {
      asked += 1;
      response.writeHead(200, { 'content-length': '100' });
      response.write('PK', () => response.destroy());
    });
    await expect(modules.zip(PATH, VERSION)).rejects.toThrow(unreachable);
    expect(asked).toBe(4);
    expect(await leftovers()).toEqual([]);
  });

  it('redirects to a host that is not listed, or to a private address, is refused and not asked again', async () => {
    for (const location of [
      'https://elsewhere.example.com/m',
      'https://10.0.0.1/m',
      'http://169.254.169.254/latest/',
    ]) {
      let asked = 0;
      const modules = await answering(
        (response) => {
          asked += 1;
          response.writeHead(302, { location }).end();
        },
        { hosts: ['10.0.0.1', '169.254.169.254'] },
      );
      await expect(modules.zip(PATH, VERSION), location).rejects.toThrow(fault('EgressRefused'));
      expect(asked, location).toBe(1);
    }
  });

  it('redirects for ever is unreachable', async () => {
    const modules = await answering((response) => void response.writeHead(302, { location: '/again' }).end());
    await expect(modules.goMod(PATH, VERSION)).rejects.toThrow(unreachable);
  });

  it('sends a page for a zip has it refused by who hashes it', async () => {
    const modules = await answering((response) => void response.end('<html><body>Sign in</body></html>'));
    const zip = await modules.zip(PATH, VERSION);
    expect(zip && (await hashModuleZip(zip, PATH, VERSION))).toEqual({
      kind: 'invalid',
      why: 'no end of central directory',
    });
    await zip?.release();
  });
});

describe('the module cache of the go command', () => {
  it('has what was downloaded, and says none of the rest', async () => {
    const cache = join(folder, 'gomodcache');
    const at = join(cache, 'cache/download/example.com/!mixed/m/@v');
    await mkdir(at, { recursive: true });
    await writeFile(join(at, 'v1.0.0.mod'), 'module m\n');
    await writeFile(join(at, 'v1.0.0.zip'), 'zip');
    const modules = goModuleCache(cache);
    expect(Buffer.from((await modules.goMod(PATH, VERSION)) ?? []).toString()).toBe('module m\n');
    const zip = await modules.zip(PATH, VERSION);
    expect([zip?.size, typeof zip?.descriptor]).toEqual([3, 'number']);
    await zip?.release();
    const other = ModuleVersion.parse('v1.0.1');
    expect([await modules.goMod(PATH, other), await modules.zip(PATH, other)]).toEqual([undefined, undefined]);
    expect(await goModuleCache(join(folder, 'none')).zip(PATH, VERSION)).toBeUndefined();
  });

  it('is a fault where it cannot be read, or a name is no module’s', async () => {
    const cache = join(folder, 'broken');
    await mkdir(join(cache, 'cache/download/example.com/!mixed/m/@v/v1.0.0.mod'), { recursive: true });
    await expect(goModuleCache(cache).goMod(PATH, VERSION)).rejects.toThrow(unreachable);
    const outside = ModulePath.parse('../../etc');
    await expect(goModuleCache(cache).zip(outside, VERSION)).rejects.toMatchObject({ name: 'InputInvalid' });
  });
});

describe('a checksum database', () => {
  const records = [{ module: 'example.com/Mixed/m', version: 'v1.0.0', zipH1: 'h1:a', goModH1: 'h1:b' }];
  const database = testChecksumDatabase(records);
  const name = 'sumdb.test.example';
  const lookup = '/lookup/example.com/!mixed/m@v1.0.0';
  const answersBelow = async (prefix: string): Promise<Answers> => ({
    ...(prefix === '' ? {} : { [`${prefix}/supported`]: 'yes' }),
    [`${prefix}/latest`]: database.note(1),
    [`${prefix}${lookup}`]: (await database.lookup(PATH, VERSION)) ?? 404,
  });
  const openAt = (list: string, more: { url?: URL } = {}) =>
    openChecksumDatabase({ ...client(list), ...more, verifierKey: database.verifierKey });

  it('is asked at the first proxy that serves it, and then only there', async () => {
    const [without, first, second] = [
      await proxy({}),
      await proxy(await answersBelow(`/sumdb/${name}`)),
      await proxy({}),
    ];
    const opened = openAt([without, first, second].map(({ url }) => url).join());
    expect(await opened.lookup(PATH, VERSION)).toContain('h1:a');
    expect(await opened.latest()).toBe(database.note(1));
    expect(await opened.lookup(PATH, ModuleVersion.parse('v1.0.1'))).toBeUndefined();
    expect([without.asked, second.asked]).toEqual([[`/sumdb/${name}/supported`], []]);
  });

  it('is asked at the URL that was given for it, past every proxy', async () => {
    const [direct, other] = [await proxy(await answersBelow('')), await proxy(await answersBelow(`/sumdb/${name}`))];
    const { egress, sleep } = client(`${direct.host} ${other.host}`);
    const verifierKey = database.verifierKey;
    const opened = openChecksumDatabase({ egress, sleep, verifierKey, proxy: other.url, url: new URL(direct.url) });
    expect(await opened.latest()).toBe(database.note(1));
    expect([direct.asked, other.asked]).toEqual([['/latest'], []]);
  });

  it('is unreachable, never absent, where a proxy fails, is off, or sends what is no text', async () => {
    const fault = expect.objectContaining({ name: 'ChecksumDatabaseUnavailable' });
    const failing = await proxy({ [`/sumdb/${name}/supported`]: 'yes', [`/sumdb/${name}${lookup}`]: 500 });
    await expect(openAt(failing.url).lookup(PATH, VERSION)).rejects.toThrow(fault);
    await expect(openAt(failing.url).latest()).rejects.toThrow(fault);
    await expect(openAt(failing.url).tile(0, 0, 1)).rejects.toThrow(fault);
    await expect(openAt('off').latest()).rejects.toThrow(fault);
    await expect(openAt((await proxy({ [`/sumdb/${name}/supported`]: 403 })).url).latest()).rejects.toThrow(fault);
  });

  it('gives the beginning of a full tile where a partial one is gone', async () => {
    const full = 'a'.repeat(256 * 32);
    const served = await proxy({ [`/sumdb/${name}/supported`]: 'yes', [`/sumdb/${name}/tile/8/0/000`]: full });
    expect(Buffer.from(await openAt(served.url).tile(0, 0, 2)).toString()).toBe('a'.repeat(64));
  });
});
