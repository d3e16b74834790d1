import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEgress } from '../../adapters/network/egress.ts';
import { openRepositories } from '../../cli/repositories.ts';
import { ModulePath, ModuleVersion } from '../../core/brands.ts';
import { Config } from '../../core/config.ts';
import { Fault } from '../../core/faults.ts';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import { GitSha, TenantId } from '../../events/fields.ts';
import { moduleDeps, reviewsOf } from '../../functions/repositories.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { memoryModuleCache } from '../fakes/memory-module-cache.ts';
import { memoryModuleLog } from '../fakes/memory-module-log.ts';
import { memoryTileCache } from '../fakes/memory-tile-cache.ts';

const reviews = { kind: 'github', url: 'https://api.github.com', token: 'env:REVIEWS' };
const repositories = [{ name: 'acme/app' }, { name: 'acme/reviewed', reviews }];
const source = { provider: 'github', instance: 'github.com', repositories };
const tenant = {
  ...{ id: 'acme', origin: 'ledger.example.com/acme', policy: 'policy.yaml', sources: [source] },
  modules: { proxy: 'off', checksumDatabase: 'sum.golang.org' },
};
const config = Config.parse({ schema: 'relseal.config/1', environment: { kind: 'test' }, tenants: [tenant] });
const ACME = TenantId.parse('acme');

type Values = (reference: string) => Promise<string[]>;

function embedded(values: Values) {
  const opened = openRepositories({
    ...{ config, folder: tmpdir(), egress: openEgress([]), secrets: { values }, clock: fixedClock() },
    heads: memoryHeadStore(),
    logins: { load: async () => undefined, save: async () => undefined },
    hasher: plainZipHasher,
    moduleLog: memoryModuleLog(),
    caches: { modules: join(tmpdir(), 'none'), tiles: join(tmpdir(), 'none') },
  });
  return { modules: () => opened.moduleDeps(ACME), reviews: () => opened.reviewsOf(ACME) };
}

function deployed(values: Values) {
  const tenantOf = (id: TenantId) => {
    const found = config.tenants.find((one) => one.id === id);
    if (!found) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
    return found;
  };
  const caches = () => ({ modules: memoryModuleCache(), tiles: memoryTileCache() });
  return {
    modules: () => moduleDeps({ config, tenantOf }, memoryHeadStore(), { values }, caches)(ACME),
    reviews: () => reviewsOf({ config, tenantOf }, { values })(ACME),
  };
}

describe.each([
  ['the embedded server', embedded],
  ['functions', deployed],
])('what a configuration names, opened for %s', (_where, open) => {
  it('reads the origins of modules past every proxy, at listed hosts only', async () => {
    const { origins } = open(async () => []).modules();
    expect(await origins.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'))).toEqual({
      kind: 'not-checked',
      why: 'origin.example.com is not a listed host',
    });
  });

  it('asks proxies for themselves, and for what publishers signed, at listed hosts only', async () => {
    const { proxied, trust } = open(async () => []).modules();
    const zip = proxied.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'));
    await expect(zip).rejects.toMatchObject({ name: 'ModuleProxyUnreachable' });
    const signature = trust.signature(new URL('https://sig.example.com/m'));
    await expect(signature).rejects.toMatchObject({ name: 'EgressRefused' });
  });

  it('asks who approved a commit where it says so, with the token of that place, and nobody elsewhere', async () => {
    const asked: string[] = [];
    const values = async (reference: string) => {
      asked.push(reference);
      return ['test-token'];
    };
    const { of } = open(values).reviews();
    const commit = GitSha.parse('1'.repeat(40));
    expect(await of({ host: 'github.com', name: 'acme/app' }, commit)).toBeUndefined();
    expect(await of({ host: 'git.example.com', name: 'acme/reviewed' }, commit)).toBeUndefined();
    expect(asked).toEqual([]);
    await expect(of({ host: 'github.com', name: 'acme/reviewed' }, commit)).rejects.toMatchObject({
      name: 'EgressRefused',
      message: 'api.github.com is not a listed host',
    });
    expect(asked).toEqual(['env:REVIEWS']);
  });
});
