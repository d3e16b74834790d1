import { openEgress } from '../adapters/network/egress.ts';
import { prometheusSource } from '../adapters/network/prometheus-source.ts';
import type { Config } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import type { MetricSource } from '../core/ports/metric-source.ts';
import type { Environments } from '../core/promotion/plan.ts';
import type { TenantId } from '../events/fields.ts';

/** Where the numbers of an environment come from. */
export function deployedMetrics({ hosts }: Config, environments: Environments) {
  const egress = openEgress(hosts);
  return (tenant: TenantId, name: string): MetricSource => {
    const environment = environments(tenant, name);
    if (!environment) throw new Fault('ConfigurationInvalid', `tenant ${tenant} has no environment ${name}`);
    return prometheusSource({ egress, url: environment.metrics.url });
  };
}
