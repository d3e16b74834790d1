import type { TenantConfig } from '../core/config.ts';
import type { Environments } from '../core/promotion/plan.ts';
import type { TenantId } from '../events/fields.ts';

interface Deployed {
  tenantOf(id: TenantId): TenantConfig;
}

/** Environments by tenant and name, as they were deployed. */
export const deployedEnvironments =
  ({ tenantOf }: Deployed): Environments =>
  (tenant, name) =>
    tenantOf(tenant).environments.find((environment) => environment.name === name);
