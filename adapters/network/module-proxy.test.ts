import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { openChecksumDatabase } from './checksum-database.ts';
import { openEgress } from './egress.ts';
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
