import { lambdaClock } from '../adapters/aws/clock.ts';
import { openChecksumDatabase } from '../adapters/network/checksum-database.ts';
import { openEgress } from '../adapters/network/egress.ts';
import { openModuleProxy } from '../adapters/network/module-proxy.ts';
import { moduleProxySource } from '../adapters/network/module-proxy-source.ts';
import { ociRegistry } from '../adapters/network/oci-registry.ts';
import { ModulePath } from '../core/brands.ts';
import type { Config, FetchConfig, RepositoryConfig, TenantConfig } from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { Registry } from '../core/ports/registry.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { SourceHost } from '../core/ports/source-host.ts';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import type { TenantId } from '../events/fields.ts';

interface Deployed {
  readonly config: Config;
  tenantOf(id: TenantId): TenantConfig;
}
interface Named {
  readonly host: string;
  readonly name: string;
}

const notHere = (tenant: TenantId, { host, name }: Named, what: string) =>
  new Fault('ConfigurationInvalid', `tenant ${tenant} has no ${what} for ${host}/${name} that a function can reach`);

const repositoryOf = (tenant: TenantConfig, { host, name }: Named): RepositoryConfig | undefined =>
  tenant.sources
    .filter((source) => (source.host ?? source.instance) === host)
    .flatMap(({ repositories }) => repositories)
    .find((repository) => repository.name === name);

/** The source repository whose releases the images of one are made of. */
export const sourceOf =
  ({ tenantOf }: Deployed) =>
  (id: TenantId, named: Named) =>
    repositoryOf(tenantOf(id), named)?.source;

/** Source hosts by name. Folders are for the embedded server: a function has none. */
export function sourceHosts({ config, tenantOf }: Deployed) {
  const egress = openEgress(config.hosts);
  return (id: TenantId, host: string, name: string): { host: SourceHost; fetch: FetchConfig } => {
    const tenant = tenantOf(id);
    const fetch = repositoryOf(tenant, { host, name })?.fetch;
    if (fetch?.kind !== 'module-proxy') throw notHere(id, { host, name }, 'source');
    const modules = openModuleProxy({ proxy: tenant.modules.proxy, egress });
    return { host: moduleProxySource(modules, ModulePath.parse(fetch.module)), fetch };
  };
}

/** Registries by name, each kept with its tokens. */
export function registries({ config, tenantOf }: Deployed, secrets: Secrets) {
  const egress = openEgress(config.hosts);
  const open = new Map<string, Registry>();
  return async (id: TenantId, host: string, name: string): Promise<Registry> => {
    const key = `${id} ${host}/${name}`;
    const known = open.get(key);
    if (known) return known;
    const registry = repositoryOf(tenantOf(id), { host, name })?.registry;
    if (registry?.kind !== 'https') throw notHere(id, { host, name }, 'registry');
    const { username, password, url } = registry;
    const credentials = async () => {
      if (username === undefined || password === undefined) return undefined;
      const [[user = ''], [secret = '']] = [await secrets.values(username), await secrets.values(password)];
      return { username: user, password: secret };
    };
    const opened = ociRegistry({ egress, clock: lambdaClock, url, host, name, credentials });
    open.set(key, opened);
    return opened;
  };
}

/** What a tenant's modules are proved with. */
export function moduleDeps({ config, tenantOf }: Deployed, heads: HeadStore) {
  const egress = openEgress(config.hosts);
  return (id: TenantId) => {
    const { proxy, checksumDatabase, private: patterns } = tenantOf(id).modules;
    return {
      modules: openModuleProxy({ proxy, egress }),
      database: openChecksumDatabase({ verifierKey: checksumDatabaseKey(checksumDatabase), proxy, egress }),
      heads,
      settings: { private: patterns },
    };
  };
}
