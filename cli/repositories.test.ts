import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openEgress } from '../adapters/network/egress.ts';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { Config } from '../core/config.ts';
import { plainZipHasher } from '../core/gosum/zip-hashing.ts';
import { TenantId } from '../events/fields.ts';
import { fixedClock } from '../test/fakes/fixed-clock.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { memoryModuleLog } from '../test/fakes/memory-module-log.ts';
import { openRepositories } from './repositories.ts';

const source = { provider: 'github', instance: 'github.com', repositories: [{ name: 'acme/app' }] };
const tenant = {
  ...{ id: 'acme', origin: 'ledger.example.com/acme', policy: 'policy.yaml', sources: [source] },
  modules: { proxy: 'off', checksumDatabase: 'sum.golang.org' },
};

it('reads the origins of modules past every proxy, at listed hosts only', async () => {
  const { moduleDeps } = openRepositories({
    config: Config.parse({ schema: 'relseal.config/1', environment: { kind: 'test' }, tenants: [tenant] }),
    folder: tmpdir(),
    egress: openEgress([]),
    secrets: { values: async () => [] },
    clock: fixedClock(),
    heads: memoryHeadStore(),
    logins: { load: async () => undefined, save: async () => undefined },
    hasher: plainZipHasher,
    moduleLog: memoryModuleLog(),
    caches: { modules: join(tmpdir(), 'none'), tiles: join(tmpdir(), 'none') },
  });
  const { origins } = moduleDeps(TenantId.parse('acme'));
  expect(await origins.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'))).toEqual({
    kind: 'not-checked',
    why: 'origin.example.com is not a listed host',
  });
});
