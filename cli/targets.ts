import type { Hono } from 'hono';
import { localRolloutTarget } from '../adapters/embedded/local-rollout-target.ts';
import { type RolloutProxy, startRolloutProxy } from '../adapters/embedded/rollout-proxy.ts';
import { rolloutApi } from '../adapters/embedded/rollout-proxy-api.ts';
import type { Sqlite } from '../adapters/embedded/sqlite.ts';
import type { Egress } from '../adapters/network/egress.ts';
import { httpRolloutTarget } from '../adapters/network/http-rollout-target.ts';
import { prometheusSource } from '../adapters/network/prometheus-source.ts';
import type { Config, EnvironmentConfig } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import type { MetricSource } from '../core/ports/metric-source.ts';
import type { RolloutTarget } from '../core/ports/rollout-target.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { Environments } from '../core/promotion/plan.ts';
import type { TenantId } from '../events/fields.ts';

export interface TargetsDeps {
  readonly config: Pick<Config, 'tenants' | 'targetsToken'>;
  readonly database: Sqlite;
  readonly egress: Egress;
  readonly secrets: Secrets;
}

export interface OpenTargets {
  readonly environments: Environments;
  targets(tenant: TenantId, environment: string): Promise<RolloutTarget>;
  metricsOf(tenant: TenantId, environment: string): MetricSource;
  /** What the proxies of this server counted, for a Prometheus. */
  metrics(): string;
  /** Lets others change the proxies of this server, where the configuration says so. */
  readonly api?: Hono;
  close(): Promise<void>;
}

const keyOf = (tenant: TenantId, environment: string): string => `${tenant}/${environment}`;

type Proxies = ReadonlyMap<string, RolloutProxy>;

async function closeAll(proxies: Proxies): Promise<void> {
  await Promise.all([...proxies.values()].map((proxy) => proxy.close()));
}

/** The proxies that begin to listen; all of them or none. */
async function startProxies({ tenants }: TargetsDeps['config'], database: Sqlite): Promise<Proxies> {
  const proxies = new Map<string, RolloutProxy>();
  try {
    for (const { id, environments } of tenants)
      for (const { name: environment, target } of environments) {
        if (target.kind !== 'local-proxy') continue;
        const { revisions, stable, listen } = target;
        const name = keyOf(id, environment);
        const local = localRolloutTarget({ database, name, revisions, ...(stable ? { stable } : {}) });
        proxies.set(name, await startRolloutProxy({ target: local, listen }));
      }
  } catch (fault) {
    await closeAll(proxies);
    throw fault;
  }
  return proxies;
}

/** One exposition of several: what is said of a metric stands once, before all its series. */
const joined = (expositions: readonly string[]): string => {
  const lines = expositions.flatMap((text) => text.split('\n').filter((line) => line !== ''));
  return [...new Set(lines)].map((line) => `${line}\n`).join('');
};

/** Environments with their targets and metrics, built once; the proxies of this server begin to listen. */
export async function openTargets({ config, database, egress, secrets }: TargetsDeps): Promise<OpenTargets> {
  const all = new Map<string, EnvironmentConfig>(
    config.tenants.flatMap(({ id, environments }) => environments.map((one) => [keyOf(id, one.name), one] as const)),
  );
  const proxies = await startProxies(config, database);
  const targets = new Map<string, RolloutTarget>(
    [...all].map(([key, { target }]) => {
      const proxy = proxies.get(key);
      if (proxy) return [key, proxy.target];
      if (target.kind !== 'proxy') throw new Fault('ConfigurationInvalid', `the proxy of ${key} does not run`);
      const token = async () => (await secrets.values(target.token))[0] ?? '';
      return [key, httpRolloutTarget({ egress, url: target.url, token })];
    }),
  );
  const [apiToken] = config.targetsToken === undefined ? [] : await secrets.values(config.targetsToken);
  const found = <T>(of: ReadonlyMap<string, T>, tenant: TenantId, environment: string): T => {
    const one = of.get(keyOf(tenant, environment));
    if (one === undefined)
      throw new Fault('ConfigurationInvalid', `tenant ${tenant} has no environment ${environment}`);
    return one;
  };
  return {
    environments: (tenant, name) => all.get(keyOf(tenant, name)),
    targets: async (tenant, environment) => found(targets, tenant, environment),
    metricsOf: (tenant, environment) => prometheusSource({ egress, url: found(all, tenant, environment).metrics.url }),
    metrics: () => joined([...proxies.values()].map((proxy) => proxy.metrics())),
    ...(apiToken === undefined ? {} : { api: rolloutApi({ token: apiToken, proxies }) }),
    close: () => closeAll(proxies),
  };
}
