import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { folderModuleCache } from '../../adapters/embedded/folder-module-cache.ts';
import { withCredentials } from '../../adapters/network/credentials.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { openModuleProxy } from '../../adapters/network/module-proxy.ts';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { CredentialConfig } from '../../core/config.ts';
import { h1OfGoMod } from '../../core/gosum/dirhash.ts';
import { hashModuleZip } from '../../core/gosum/module-zip.ts';
import { verifyModuleHashes } from '../../core/gosum/verify-modules.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import { sourceFactsOf } from '../../core/source/source-facts.ts';
import { TenantId } from '../../events/fields.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { type TestRecord, testChecksumDatabase } from '../fakes/test-checksum-database.ts';

/** A release of a module that a private proxy serves to whoever shows a token. */

const FIXTURES = fileURLToPath(new URL('../fixtures/modules/', import.meta.url));
const [PATH, VERSION] = [ModulePath.parse('github.com/pkg/errors'), ModuleVersion.parse('v0.9.1')];
const TOKEN = 'the right test token';

let folder = '';
let server: Server;
let host = '';
let record: TestRecord;
/** What the proxy answered, in turn. */
let answers: number[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relseal-refused-token-'));
  const bytesOf = (kind: 'zip' | 'mod') => readFileSync(join(FIXTURES, PATH, '@v', `${VERSION}.${kind}`));
  const hashed = await hashModuleZip(accessOf(bytesOf('zip')), PATH, VERSION);
  if (hashed.kind !== 'hashed') throw new Error(hashed.why);
  record = { module: PATH, version: VERSION, zipH1: hashed.h1, goModH1: h1OfGoMod(bytesOf('mod')) };
  server = createServer((request, response) => {
    const file = join(FIXTURES, request.url ?? '');
    const status = request.headers.authorization !== `Bearer ${TOKEN}` ? 401 : existsSync(file) ? 200 : 404;
    answers.push(status);
    response.writeHead(status).end(status === 200 ? readFileSync(file) : 'secret reasons');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Judges the release with a token that the tenant configured. */
async function judgeWith(token: string) {
  answers = [];
  const clock = { now: () => 0 };
  const credential = CredentialConfig.parse({ kind: 'bearer', host, token: 'env:TOKEN' });
  const network = { egress: openEgress([{ host, private: true }]), secrets: { values: async () => [token] }, clock };
  const proxy = openModuleProxy({
    ...{ proxy: `http://${host}`, egress: withCredentials(network, [credential]), temporaryFolder: folder },
    sleep: async () => undefined,
  });
  const goMod = Buffer.from(`module git.example.com/acme/app\n\ngo 1.24\n\nrequire ${PATH} ${VERSION}\n`);
  const goSum = Buffer.from(`${PATH} ${VERSION} ${record.zipH1}\n${PATH} ${VERSION}/go.mod ${record.goModH1}\n`);
  const made = sourceFactsOf(
    [
      { path: 'app.go', bytes: Buffer.from(`package app\n\nimport _ "${PATH}"\n`) },
      { path: 'go.mod', bytes: goMod },
      { path: 'go.sum', bytes: goSum },
    ],
    '',
  );
  if (made.kind === 'refused') throw new Error('the tree of this test is no good');
  const deps = {
    ...{ modules: proxy, database: testChecksumDatabase([record]), heads: memoryHeadStore() },
    ...{ cache: folderModuleCache(folder, TenantId.parse('acme')), settings: { private: [] } },
  };
  return verifyModuleHashes(deps, { goMod, goSum, released: undefined, facts: made.facts });
}

describe('a release whose modules a proxy serves to whoever shows a token', () => {
  it('ends with an invalid one as a fault of that name, and nothing is fetched or kept', async () => {
    await expect(judgeWith('an invalid test token')).rejects.toMatchObject({
      name: 'CredentialRefused',
      message: `${host} refused the credential (401)`,
    });
    expect(answers.length).toBeGreaterThan(0);
    expect(new Set(answers)).toEqual(new Set([401]));
    expect(readdirSync(folder)).toEqual([]);
  });

  it('passes with the right one', async () => {
    expect((await judgeWith(TOKEN)).reasons).toEqual([]);
    expect(answers).toContain(200);
    expect(readdirSync(folder)).not.toEqual([]);
  });
});
