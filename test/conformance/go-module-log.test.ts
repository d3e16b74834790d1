import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { serve } from '@hono/node-server';
import { afterAll, describe, expect, it } from 'vitest';
import { moduleDatabaseApp } from '../../adapters/embedded/module-database-app.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteModuleLog } from '../../adapters/embedded/sqlite-module-log.ts';
import { ModulePath } from '../../core/brands.ts';
import { escapeModulePath } from '../../core/gosum/module-path.ts';
import type { DatabaseAnswer } from '../../core/modulelog/database.ts';
import { pinModule } from '../../core/modulelog/pin.ts';
import type { ModuleLogStore } from '../../core/ports/module-log-store.ts';
import { ACME, moduleLogWorld, type SmallModule, smallModule } from '../fakes/module-log-world.ts';

/** The unmodified go command asks our module log by its own protocol, and judges it. */

const run = promisify(execFile);
const root = mkdtempSync(join(tmpdir(), 'relseal-go-module-log-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(root, { recursive: true, force: true });
});

/** A folder that serves modules as a proxy does. */
function writeProxy(modules: readonly SmallModule[]): string {
  const proxy = mkdtempSync(join(root, 'proxy-'));
  for (const { path, version, goMod, zip } of modules) {
    const folder = join(proxy, escapeModulePath(path) ?? '', '@v');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'list'), `${version}\n`);
    writeFileSync(join(folder, `${version}.info`), JSON.stringify({ Version: version }));
    writeFileSync(join(folder, `${version}.mod`), goMod);
    writeFileSync(join(folder, `${version}.zip`), zip);
  }
  return pathToFileURL(proxy).href;
}

type Answer = (path: string) => Promise<DatabaseAnswer>;

async function serveDatabase(answer: Answer, verifierKey: string): Promise<string> {
  const app = moduleDatabaseApp({
    answer: async (tenant, path) => (tenant === ACME ? answer(path) : undefined),
    failed: () => {},
  });
  const port = await new Promise<number>((listening) => {
    const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, (address) => listening(address.port));
    if ('closeAllConnections' in server) servers.push(server);
  });
  return `${verifierKey} http://127.0.0.1:${port}/${ACME}`;
}

/** One developer: a GOPATH, where go keeps the head it has seen, and a module cache that may be emptied. */
function developer(database: string, proxy: string) {
  const path = mkdtempSync(join(root, 'gopath-'));
  const download = async (
    module: SmallModule,
    settings: { proxy?: string; database?: string; cache?: string } = {},
  ) => {
    const cache = settings.cache ?? mkdtempSync(join(root, 'cache-'));
    const environment = {
      ...{ PATH: process.env.PATH, HOME: path, GOPATH: path, GOMODCACHE: cache, GOFLAGS: '-modcacherw' },
      ...{
        GOPROXY: settings.proxy ?? proxy,
        GOSUMDB: settings.database ?? database,
        GOTOOLCHAIN: 'local',
        GOWORK: 'off',
      },
    };
    const asked = ['mod', 'download', '-json', `${module.path}@${module.version}`];
    return run('go', asked, { cwd: path, env: environment }).then(
      ({ stdout }) => JSON.parse(stdout) as unknown,
      (error: { stdout?: string; stderr?: string }) => `${error.stdout}${error.stderr}`,
    );
  };
  const head = () => {
    const folder = join(path, 'pkg/sumdb');
    const [file = ''] = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /latest$/.test(name),
    );
    return Number(readFileSync(join(folder, file), 'utf8').split('\n')[1]);
  };
  return { download, head };
}

const own = (name: string, code?: string) => smallModule(`git.example.com/acme/${name}`, 'v1.0.0', code);
const hashesOf = ({ zipH1, goModH1 }: SmallModule) => ({ Sum: zipH1, GoModSum: goModH1 });
const PUBLIC = smallModule('example.com/Mixed', 'v1.2.3');
const newStore = () => sqliteModuleLog(openSqlite(':memory:'));

async function world(store: ModuleLogStore, modules: readonly SmallModule[] = [own('b'), own('c'), own('d')]) {
  const { database } = moduleLogWorld(store, modules, [PUBLIC]);
  const setting = await serveDatabase((path) => database.answer(path), await database.verifierKey());
  return { database, setting, proxy: writeProxy([...modules, PUBLIC]) };
}

describe('the module log, asked by the go command', () => {
  it('gives it private modules at their first use and public ones proved upstream', { timeout: 60_000 }, async () => {
    const store = newStore();
    const { setting, proxy } = await world(store);
    const { download } = developer(setting, proxy);
    expect(await download(own('b'))).toMatchObject(hashesOf(own('b')));
    expect(await download(PUBLIC)).toMatchObject(hashesOf(PUBLIC));
    expect((await store.modules(ACME, 0, 9)).map(({ path, trust }) => [path, trust])).toEqual([
      ['git.example.com/acme/b', 'tofu'],
      ['example.com/Mixed', 'upstream'],
    ]);
  });

  it('makes it refuse a module that is served changed', { timeout: 60_000 }, async () => {
    const { setting, proxy } = await world(newStore());
    const { download } = developer(setting, proxy);
    await download(own('b'));
    const changed = writeProxy([own('b', 'package changed\n')]);
    expect(await download(own('b'), { proxy: changed })).toMatch(/SECURITY ERROR/);
  });

  it('shows it that the log grew by hundreds of records and kept its beginning', { timeout: 60_000 }, async () => {
    const store = newStore();
    const { setting, proxy } = await world(store);
    const { download, head } = developer(setting, proxy);
    const first = own('b');
    await download(first);
    expect(head()).toBe(1);
    for (let at = 0; at < 300; at += 1) {
      const filler = { ...first, path: ModulePath.parse(`git.example.com/acme/filler${at}`) };
      await pinModule({ store, clock: { now: () => 0 } }, ACME, filler, 'tofu');
    }
    expect(await download(own('c'))).toMatchObject(hashesOf(own('c')));
    expect(head()).toBe(302);
    expect(await download(own('b'))).toMatchObject(hashesOf(own('b')));
  });

  it('makes it refuse another history under the same key', { timeout: 60_000 }, async () => {
    const { setting, proxy } = await world(newStore());
    const { download } = developer(setting, proxy);
    const cache = mkdtempSync(join(root, 'cache-'));
    await download(own('b'), { cache });
    const forked = newStore();
    const other = await world(forked);
    await pinModule({ store: forked, clock: { now: () => 0 } }, ACME, own('other'), 'tofu');
    const refused = await download(own('c'), { database: other.setting, cache });
    expect(refused).toMatch(/SECURITY ERROR[\s\S]*misbehavior/);
  });

  it('makes it refuse a wrong tile and a bad signature', { timeout: 60_000 }, async () => {
    const { database, proxy } = await world(newStore(), [own('b'), own('c')]);
    const key = await database.verifierKey();
    const spoiled = (spoil: (path: string, bytes: Uint8Array) => Uint8Array): Answer => {
      return async (path) => {
        const answer = await database.answer(path);
        return answer.kind === 'found' ? { ...answer, bytes: spoil(path, answer.bytes) } : answer;
      };
    };
    await database.answer('lookup/git.example.com/acme/c@v1.0.0');
    const tile = await serveDatabase(
      spoiled((path, bytes) => (path.startsWith('tile/') ? bytes.map((byte) => byte ^ 1) : bytes)),
      key,
    );
    expect(await developer(tile, proxy).download(own('b'))).toMatch(/downloaded inconsistent tile/);
    const unsigned = await serveDatabase(
      spoiled((path, bytes) =>
        path.startsWith('lookup/')
          ? Buffer.from(Buffer.from(bytes).toString().replace('tree\n2\n', 'tree\n3\n'))
          : bytes,
      ),
      key,
    );
    expect(await developer(unsigned, proxy).download(own('b'))).toMatch(/invalid signature/);
  });

  it('shows it why there is no answer', { timeout: 60_000 }, async () => {
    const stranger = smallModule('elsewhere.example.org/x');
    const { setting } = await world(newStore());
    const { download } = developer(setting, writeProxy([stranger, own('unknown')]));
    expect(await download(stranger)).toMatch(/modpolicy\.host-undecided: elsewhere\.example\.org\/x/);
    expect(await download(own('unknown'))).toMatch(/404|not found/i);
  });

  it('answers again what a server logged that died before it answered', { timeout: 60_000 }, async () => {
    const store = newStore();
    const { database, proxy } = await world(store);
    let deaths = 1;
    const dying: Answer = async (path) => {
      const answer = await database.answer(path);
      if (path.startsWith('lookup/') && deaths-- > 0) throw new Error('the process dies here');
      return answer;
    };
    const { download } = developer(await serveDatabase(dying, await database.verifierKey()), proxy);
    expect(await download(own('b'))).toMatch(/500/);
    expect((await store.head(ACME)).size).toBe(1);
    expect(await download(own('b'))).toMatchObject(hashesOf(own('b')));
    expect((await store.head(ACME)).size).toBe(1);
  });
});
