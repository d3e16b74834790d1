import { createServer } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { ModulesConfig } from '../../core/config.ts';
import { openSumdbProver } from '../../core/sumdb/prove.ts';
import { loopbackServers } from '../../test/fakes/loopback-servers.ts';
import { type TestRecord, testChecksumDatabase } from '../../test/fakes/test-checksum-database.ts';
import { openEgress } from './egress.ts';
import { openTenantModules } from './tenant-modules.ts';

const loopback = loopbackServers();
afterAll(loopback.stop);

const recordsOf = (count: number, fill: string): TestRecord[] =>
  Array.from({ length: count }, (_, at) => ({
    ...{ module: `example.com/m${at}`, version: 'v1.0.0' },
    ...{ zipH1: `h1:${fill.repeat(43)}=`, goModH1: `h1:${'B'.repeat(43)}=` },
  }));

/** A host on loopback that has a database in one of its folders, as a module proxy does. */
async function serve(records: readonly TestRecord[], folder: string) {
  const database = testChecksumDatabase(records);
  const files = new Map(database.files().map(({ path, bytes }) => [`${folder}${path}`, bytes]));
  files.set(`${folder}supported`, new Uint8Array());
  const server = createServer((request, response) => {
    const bytes = files.get(request.url ?? '');
    if (bytes) response.end(bytes);
    else response.writeHead(404).end();
  });
  return loopback.listen(server);
}

const FOLDER = '/sumdb/sumdb.test.example/';
const { verifierKey } = testChecksumDatabase([]);

async function openWith(witnessOf: (host: string) => string | undefined, seenThere: readonly TestRecord[]) {
  const [proxy, other] = [await serve(recordsOf(40, 'A'), FOLDER), await serve(seenThere, FOLDER)];
  const egress = openEgress([proxy, other].map((host) => ({ host, private: true })));
  const secrets = { values: () => Promise.reject(new Error('no credential is configured')) };
  const checksumWitness = witnessOf(other);
  const modules = ModulesConfig.parse({
    ...{ proxy: `http://${proxy}`, checksumDatabase: verifierKey },
    ...(checksumWitness === undefined ? {} : { checksumWitness }),
  });
  const { database, witness } = openTenantModules(
    { egress, secrets, clock: { now: () => 0 } },
    { modules, sources: [] },
  );
  return { witness, opened: await openSumdbProver(database, undefined, witness ? { witness } : {}) };
}

describe('the second way to a checksum database', () => {
  const there = (host: string) => `http://${host}${FOLDER.slice(0, -1)}`;

  it.each([30, 40, 300])('is asked where configuration says, and agrees with %i records', async (count) => {
    const { opened } = await openWith(there, recordsOf(count, 'A'));
    expect(opened.kind === 'opened' && opened.prover.warnings()).toEqual([]);
  });

  it('shows a database that has another history for us than for others', async () => {
    const { opened } = await openWith(there, recordsOf(40, 'Z'));
    expect(opened).toMatchObject({ kind: 'refused', reason: { code: 'sumdb.fork' } });
  });

  it('is a warning where it has no such database', async () => {
    const { opened } = await openWith((host) => `http://${host}/elsewhere`, recordsOf(40, 'A'));
    expect(opened.kind === 'opened' && opened.prover.warnings()).toMatchObject([
      { code: 'sumdb.witness-unreachable', found: 'sumdb.test.example has no /latest' },
    ]);
  });

  it('is a warning where its host is not listed', async () => {
    const { opened } = await openWith(() => 'https://unlisted.example.com/', []);
    expect(opened.kind === 'opened' && opened.prover.warnings()).toMatchObject([
      { code: 'sumdb.witness-unreachable', found: 'unlisted.example.com is not a listed host' },
    ]);
  });

  it('is none where configuration names none', async () => {
    const { witness, opened } = await openWith(() => undefined, []);
    expect([witness, opened.kind === 'opened' && opened.prover.warnings()]).toEqual([undefined, []]);
  });
});

describe('where private modules are read', () => {
  const PRIVATE = ModulePath.parse('git.example.com/acme/m');
  const PUBLIC = ModulePath.parse('example.com/open');
  const version = ModuleVersion.parse('v1.0.0');

  /** Who is asked for a module's go.mod; nobody has any. `lists` are made of the names `own`, `next` and of what is said. */
  async function askedFor(path: ModulePath, lists: { proxy: string; privateProxy?: string }) {
    const asked: string[] = [];
    const listen = async (name: string) => {
      const server = createServer((_, response) => {
        asked.push(name);
        response.writeHead(404).end();
      });
      return `http://${await loopback.listen(server)}`;
    };
    const [own, next] = [await listen('own'), await listen('next')];
    const written = (list: string) => list.replace('own', own).replace('next', next);
    const egress = openEgress([own, next].map((url) => ({ host: new URL(url).host, private: true })));
    const modules = ModulesConfig.parse({
      ...{ checksumDatabase: verifierKey, private: ['git.example.com'], public: ['*'] },
      ...Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, written(list)])),
    });
    const secrets = { values: () => Promise.reject(new Error('no credential is configured')) };
    const deps = { egress, secrets, clock: { now: () => 0 } };
    const found = await openTenantModules(deps, { modules, sources: [] })
      .modules.goMod(path, version)
      .catch((error: Error) => error.name);
    return { asked, found };
  }

  it('is the first entry alone, while public ones are asked of all', async () => {
    expect(await askedFor(PRIVATE, { proxy: 'own,next' })).toEqual({ asked: ['own'], found: undefined });
    expect(await askedFor(PUBLIC, { proxy: 'own,next' })).toEqual({ asked: ['own', 'next'], found: undefined });
  });

  it('is the first entry that does not serve everybody', async () => {
    for (const proxy of ['https://proxy.golang.org,own', 'goproxy.io|https://goproxy.cn/|own,next'])
      expect(await askedFor(PRIVATE, { proxy })).toEqual({ asked: ['own'], found: undefined });
  });

  it('is where configuration says, and nowhere else', async () => {
    expect(await askedFor(PRIVATE, { proxy: 'own', privateProxy: 'next' })).toEqual({
      asked: ['next'],
      found: undefined,
    });
    expect(await askedFor(PUBLIC, { proxy: 'own', privateProxy: 'next' })).toEqual({
      asked: ['own'],
      found: undefined,
    });
    expect(await askedFor(PRIVATE, { proxy: 'own', privateProxy: 'off' })).toEqual({
      ...{ asked: [], found: 'ModuleProxyUnreachable' },
    });
  });

  it('is nowhere where the list has public proxies only', async () => {
    expect(await askedFor(PRIVATE, { proxy: 'https://proxy.golang.org' })).toEqual({
      ...{ asked: [], found: 'ConfigurationInvalid' },
    });
  });
});
