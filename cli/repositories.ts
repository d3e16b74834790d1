import { resolve } from 'node:path';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { OciLayoutRegistry } from '../adapters/embedded/oci-layout-registry.ts';
import { openChecksumDatabase } from '../adapters/network/checksum-database.ts';
import type { Egress } from '../adapters/network/egress.ts';
import { openModuleProxy } from '../adapters/network/module-proxy.ts';
import { moduleProxySource } from '../adapters/network/module-proxy-source.ts';
import { ociRegistry } from '../adapters/network/oci-registry.ts';
import { ModulePath } from '../core/brands.ts';
import type { Config, FetchConfig, RegistryConfig, RepositoryConfig, TenantConfig } from '../core/config.ts';
import { assertNever, Fault } from '../core/faults.ts';
import type { VerifyModulesDeps } from '../core/gosum/verify-modules.ts';
import type { ChecksumDatabase } from '../core/ports/checksum-database.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { ModuleSource } from '../core/ports/module-source.ts';
import type { Registry } from '../core/ports/registry.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { SourceHost } from '../core/ports/source-host.ts';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import type { TenantId } from '../events/fields.ts';

export interface RepositoriesDeps {
  readonly config: Config;
  /** Folder that relative paths of the configuration start from. */
  readonly folder: string;
  readonly egress: Egress;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly heads: HeadStore;
}

interface Named {
  readonly host: string;
  readonly name: string;
}

const notConfigured = (tenant: TenantId, { host, name }: Named, what: string) =>
  new Fault('ConfigurationInvalid', `tenant ${tenant} has no ${what} for ${host}/${name}`);

function findRepository(tenant: TenantConfig, { host, name }: Named): RepositoryConfig | undefined {
  return tenant.sources
    .filter((source) => (source.host ?? source.instance) === host)
    .flatMap(({ repositories }) => repositories)
    .find((repository) => repository.name === name);
}

/** Builds a value the first time its key is asked for. */
function memo<T>() {
  const built = new Map<string, T>();
  return (key: string, build: () => T): T => {
    const known = built.get(key);
    if (known !== undefined) return known;
    const made = build();
    built.set(key, made);
    return made;
  };
}

/** Everything that a configuration names by repository: built once each, as adapters keep connections and places. */
export function openRepositories(deps: RepositoriesDeps) {
  const { config, folder, egress, secrets, clock, heads } = deps;
  const onceModules = memo<ModuleSource>();
  const onceSource = memo<SourceHost>();
  const onceRegistry = memo<Registry>();
  const onceDatabase = memo<ChecksumDatabase>();
  const tenantOf = (id: TenantId): TenantConfig => {
    const tenant = config.tenants.find((one) => one.id === id);
    if (!tenant) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
    return tenant;
  };
  const modulesOf = (id: TenantId): ModuleSource =>
    onceModules(id, () => openModuleProxy({ proxy: tenantOf(id).modules.proxy, egress }));

  const sourceHost = (id: TenantId, fetch: FetchConfig): SourceHost =>
    fetch.kind === 'git'
      ? gitFolderSource(resolve(folder, fetch.path))
      : moduleProxySource(modulesOf(id), ModulePath.parse(fetch.module));

  const registryFor = (registry: RegistryConfig, { host, name }: Named): Registry => {
    switch (registry.kind) {
      case 'oci-layout':
        return new OciLayoutRegistry(resolve(folder, registry.path), `${host}/${name}`);
      case 'https': {
        const { username, password, url } = registry;
        const credentials = async () => {
          if (username === undefined || password === undefined) return undefined;
          const [[user = ''], [secret = '']] = [await secrets.values(username), await secrets.values(password)];
          return { username: user, password: secret };
        };
        return ociRegistry({ egress, clock, url, host, name, credentials });
      }
      default:
        return assertNever(registry);
    }
  };

  const registryOf = async (id: TenantId, named: Named): Promise<Registry> => {
    const registry = findRepository(tenantOf(id), named)?.registry;
    if (!registry) throw notConfigured(id, named, 'registry');
    return onceRegistry(`${id} ${named.host}/${named.name}`, () => registryFor(registry, named));
  };

  return {
    sourceHosts: (id: TenantId, host: string, name: string): { host: SourceHost; fetch: FetchConfig } => {
      const fetch = findRepository(tenantOf(id), { host, name })?.fetch;
      if (!fetch) throw notConfigured(id, { host, name }, 'source');
      return { host: onceSource(`${id} ${host}/${name}`, () => sourceHost(id, fetch)), fetch };
    },
    registryOf,
    registries: (id: TenantId, host: string, name: string) => registryOf(id, { host, name }),
    /** The source repository whose releases the images of this one are made of. */
    sourceOf: (id: TenantId, named: Named): Named | undefined => findRepository(tenantOf(id), named)?.source,
    moduleDeps: (id: TenantId): VerifyModulesDeps => {
      const { proxy, checksumDatabase, private: patterns } = tenantOf(id).modules;
      const verifierKey = checksumDatabaseKey(checksumDatabase);
      return {
        modules: modulesOf(id),
        database: onceDatabase(id, () => openChecksumDatabase({ verifierKey, proxy, egress })),
        heads,
        settings: { private: patterns },
      };
    },
  };
}

export type Repositories = ReturnType<typeof openRepositories>;
