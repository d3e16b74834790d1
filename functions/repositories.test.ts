import { expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { Config } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import { GitSha, TenantId } from '../events/fields.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { memoryModuleCache } from '../test/fakes/memory-module-cache.ts';
import { memoryTileCache } from '../test/fakes/memory-tile-cache.ts';
import { moduleDeps, reviewsOf } from './repositories.ts';

const reviews = { kind: 'github', url: 'https://api.github.com', token: 'env:REVIEWS' };
const repositories = [{ name: 'acme/app' }, { name: 'acme/reviewed', reviews }];
const source = { provider: 'github', instance: 'github.com', repositories };
const tenant = {
  ...{ id: 'acme', origin: 'ledger.example.com/acme', policy: 'policy.yaml', sources: [source] },
  modules: { proxy: 'off', checksumDatabase: 'sum.golang.org' },
};
const config = Config.parse({ schema: 'relseal.config/1', environment: { kind: 'test' }, tenants: [tenant] });
const tenantOf = (id: TenantId) => {
  const found = config.tenants.find((one) => one.id === id);
  if (!found) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
  return found;
};

const caches = () => ({ modules: memoryModuleCache(), tiles: memoryTileCache() });
const modulesOf = moduleDeps({ config, tenantOf }, memoryHeadStore(), { values: async () => [] }, caches);

it('reads the origins of modules past every proxy, at listed hosts only', async () => {
  const { origins } = modulesOf(TenantId.parse('acme'));
  expect(await origins.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'))).toEqual({
    kind: 'not-checked',
    why: 'origin.example.com is not a listed host',
  });
});

it('asks proxies for themselves, and for what publishers signed, at listed hosts only', async () => {
  const { proxied, trust } = modulesOf(TenantId.parse('acme'));
  const zip = proxied.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'));
  await expect(zip).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
  const signature = trust.signature(new URL('https://sig.example.com/m'));
  await expect(signature).rejects.toMatchObject({ name: 'EgressRefused' });
});

it('asks who approved a commit where configuration says so, with the token of that place, and nobody elsewhere', async () => {
  const asked: string[] = [];
  const values = async (reference: string) => {
    asked.push(reference);
    return ['test-token'];
  };
  const { of } = reviewsOf({ config, tenantOf }, { values })(TenantId.parse('acme'));
  const commit = GitSha.parse('1'.repeat(40));
  expect(await of({ host: 'github.com', name: 'acme/app' }, commit)).toBeUndefined();
  expect(await of({ host: 'git.example.com', name: 'acme/reviewed' }, commit)).toBeUndefined();
  expect(asked).toEqual([]);
  const answer = of({ host: 'github.com', name: 'acme/reviewed' }, commit);
  await expect(answer).rejects.toMatchObject({ name: 'EgressRefused', message: 'api.github.com is not a listed host' });
  expect(asked).toEqual(['env:REVIEWS']);
});
