import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openEgress } from '../adapters/network/egress.ts';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { Config } from '../core/config.ts';
import { plainZipHasher } from '../core/gosum/zip-hashing.ts';
import { GitSha, TenantId } from '../events/fields.ts';
import { fixedClock } from '../test/fakes/fixed-clock.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { memoryModuleLog } from '../test/fakes/memory-module-log.ts';
import { openRepositories } from './repositories.ts';

const reviews = { kind: 'github', url: 'https://api.github.com', token: 'env:REVIEWS' };
const repositories = [{ name: 'acme/app' }, { name: 'acme/reviewed', reviews }];
const source = { provider: 'github', instance: 'github.com', repositories };
const tenant = {
  ...{ id: 'acme', origin: 'ledger.example.com/acme', policy: 'policy.yaml', sources: [source] },
  modules: { proxy: 'off', checksumDatabase: 'sum.golang.org' },
};

const opened = (values = async (_reference: string): Promise<string[]> => []) =>
  openRepositories({
    config: Config.parse({ schema: 'relseal.config/1', environment: { kind: 'test' }, tenants: [tenant] }),
    folder: tmpdir(),
    egress: openEgress([]),
    secrets: { values },
    clock: fixedClock(),
    heads: memoryHeadStore(),
    logins: { load: async () => undefined, save: async () => undefined },
    hasher: plainZipHasher,
    moduleLog: memoryModuleLog(),
    caches: { modules: join(tmpdir(), 'none'), tiles: join(tmpdir(), 'none') },
  });

it('reads the origins of modules past every proxy, at listed hosts only', async () => {
  const { origins } = opened().moduleDeps(TenantId.parse('acme'));
  expect(await origins.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'))).toEqual({
    kind: 'not-checked',
    why: 'origin.example.com is not a listed host',
  });
});

it('asks proxies for themselves, and for what publishers signed, at listed hosts only', async () => {
  const { proxied, trust } = opened().moduleDeps(TenantId.parse('acme'));
  const zip = proxied.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'));
  await expect(zip).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
  const signature = trust.signature(new URL('https://sig.example.com/m'));
  await expect(signature).rejects.toMatchObject({ name: 'EgressRefused' });
});

it('asks who approved a commit where configuration says so, with the token of that place, and nobody elsewhere', async () => {
  const asked: string[] = [];
  const { of } = opened(async (reference: string) => {
    asked.push(reference);
    return ['test-token'];
  }).reviewsOf(TenantId.parse('acme'));
  const commit = GitSha.parse('1'.repeat(40));
  expect(await of({ host: 'github.com', name: 'acme/app' }, commit)).toBeUndefined();
  expect(await of({ host: 'git.example.com', name: 'acme/reviewed' }, commit)).toBeUndefined();
  expect(asked).toEqual([]);
  const answer = of({ host: 'github.com', name: 'acme/reviewed' }, commit);
  await expect(answer).rejects.toMatchObject({ name: 'EgressRefused', message: 'api.github.com is not a listed host' });
  expect(asked).toEqual(['env:REVIEWS']);
});
