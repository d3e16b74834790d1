import { expect, it } from 'vitest';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { Config } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import { TenantId } from '../events/fields.ts';
import { memoryHeadStore } from '../test/fakes/memory-head-store.ts';
import { moduleDeps } from './repositories.ts';

const source = { provider: 'github', instance: 'github.com', repositories: [{ name: 'acme/app' }] };
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

it('reads the origins of modules past every proxy, at listed hosts only', async () => {
  const modulesOf = moduleDeps({ config, tenantOf }, memoryHeadStore(), { values: async () => [] });
  const { origins } = modulesOf(TenantId.parse('acme'));
  expect(await origins.zip(ModulePath.parse('origin.example.com/m'), ModuleVersion.parse('v1.0.0'))).toEqual({
    kind: 'not-checked',
    why: 'origin.example.com is not a listed host',
  });
});
