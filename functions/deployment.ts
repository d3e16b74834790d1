import { readFileSync } from 'node:fs';
import * as z from 'zod';
import { Config, type TenantConfig } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import { TenantId } from '../events/fields.ts';

/**
 * What was deployed beside the code: configuration and policies. They are part of the bundle, so that a change of them is
 * a new version of the function, and every run says by which version it was judged. A policy is the text of JSON, as which
 * it was read before it was deployed.
 */
const Deployment = z.strictObject({ config: Config, policies: z.record(TenantId, z.string()) });

export function readDeployment(file: URL = new URL('./relseal.json', import.meta.url)) {
  const { config, policies } = Deployment.parse(JSON.parse(readFileSync(file, 'utf8')));
  const tenantOf = (id: TenantId): TenantConfig => {
    const tenant = config.tenants.find((one) => one.id === id);
    if (!tenant) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
    return tenant;
  };
  return {
    config,
    policies: async (id: TenantId) => policies[id],
    tenantOf,
    tenants: config.tenants.map(({ id }) => id),
  };
}
