import { resolve } from 'node:path';
import { folderModuleCache } from '../adapters/embedded/folder-module-cache.ts';
import { folderTileCache } from '../adapters/embedded/folder-tile-cache.ts';
import { gitFolderSource } from '../adapters/embedded/git-folder-source.ts';
import { OciLayoutRegistry } from '../adapters/embedded/oci-layout-registry.ts';
import type { Egress } from '../adapters/network/egress.ts';
import { gitHttpsSource } from '../adapters/network/git-https-source.ts';
import { gitCredentials } from '../adapters/network/git-smart-http-helper.ts';
import { moduleProxySource } from '../adapters/network/module-proxy-source.ts';
import { ociRegistry } from '../adapters/network/oci-registry.ts';
import { scmReviews } from '../adapters/network/scm-reviews.ts';
import { scmStatus } from '../adapters/network/scm-status.ts';
import { moduleDepsOf, openTenantModules, type TenantModules } from '../adapters/network/tenant-modules.ts';
import { ModulePath } from '../core/brands.ts';
import type { Config, FetchConfig, RegistryConfig, RepositoryConfig, TenantConfig } from '../core/config.ts';
import { assertNever, Fault } from '../core/faults.ts';
import type { VerifyModulesDeps } from '../core/gosum/verify-modules.ts';
import { pinModule } from '../core/modulelog/pin.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { CommitStatus } from '../core/ports/commit-status.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { LoginStore } from '../core/ports/login-store.ts';
import type { ModuleLogStore } from '../core/ports/module-log-store.ts';
import type { ModuleOrigins } from '../core/ports/module-origins.ts';
import type { ModuleIndex, ModuleSource } from '../core/ports/module-source.ts';
import type { ModuleTrust } from '../core/ports/module-trust.ts';
import type { Registry } from '../core/ports/registry.ts';
import type { Reviews } from '../core/ports/reviews.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { SourceHost } from '../core/ports/source-host.ts';
import type { ZipHasher } from '../core/ports/zip-hasher.ts';
import type { TenantId } from '../events/fields.ts';

export interface RepositoriesDeps {
  readonly config: Config;
  /** Folder that relative paths of the configuration start from. */
  readonly folder: string;
  readonly egress: Egress;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly heads: HeadStore;
  readonly logins: LoginStore;
  readonly hasher: ZipHasher;
  readonly moduleLog: ModuleLogStore;
  /** Folders of what was fetched; losing them costs time. */
  readonly caches: { readonly modules: string; readonly tiles: string };
}

/** What one tenant's modules are read from and proved with. */
interface ModuleDeps extends VerifyModulesDeps {
  readonly index: ModuleIndex;
  readonly origins: ModuleOrigins;
  readonly proxied: ModuleSource;
  readonly trust: ModuleTrust;
  readonly hasher: ZipHasher;
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
  const { config, folder, egress, secrets, clock, heads, logins, hasher, moduleLog, caches } = deps;
  const tiles = folderTileCache(caches.tiles);
  const onceModules = memo<TenantModules>();
  const onceSource = memo<SourceHost>();
  const onceRegistry = memo<Registry>();
  const onceStatus = memo<CommitStatus>();
  const tenantOf = (id: TenantId): TenantConfig => {
    const tenant = config.tenants.find((one) => one.id === id);
    if (!tenant) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
    return tenant;
  };
  const modulesOf = (id: TenantId): TenantModules =>
    onceModules(id, () => openTenantModules({ egress, secrets, clock, logins }, tenantOf(id)));

  const sourceHost = (id: TenantId, fetch: FetchConfig): SourceHost => {
    switch (fetch.kind) {
      case 'git':
        return gitFolderSource(resolve(folder, fetch.path));
      case 'git-https':
        return gitHttpsSource({ egress, url: new URL(fetch.url), credentials: gitCredentials(secrets, fetch) });
      case 'module-proxy':
        return moduleProxySource(modulesOf(id).listed, ModulePath.parse(fetch.module));
      default:
        return assertNever(fetch);
    }
  };

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
    /** Where the host of a repository is told what was decided; `undefined` where configuration names no place. */
    statusOf: (id: TenantId, host: string, name: string): CommitStatus | undefined => {
      const status = findRepository(tenantOf(id), { host, name })?.status;
      if (!status) return undefined;
      const token = async () => (await secrets.values(status.token))[0] ?? '';
      const { kind, url } = status;
      return onceStatus(`${id} ${host}/${name}`, () => scmStatus({ egress, kind, url, repository: name, token }));
    },
    /** The hosts of a tenant's repositories, each asked about its own; nobody where configuration names no place. */
    reviewsOf: (id: TenantId): Reviews => ({
      of: async (repository, commit) => {
        const reviews = findRepository(tenantOf(id), repository)?.reviews;
        if (!reviews) return undefined;
        const token = async () => (await secrets.values(reviews.token))[0] ?? '';
        return scmReviews({ egress, kind: reviews.kind, url: reviews.url, token }).of(repository, commit);
      },
    }),
    moduleDeps: (id: TenantId): ModuleDeps => {
      const mine = { modules: folderModuleCache(caches.modules, id), tiles };
      return {
        ...moduleDepsOf(modulesOf(id), tenantOf(id), { clock, heads, caches: mine }),
        hasher,
        pin: (hashes) => pinModule({ store: moduleLog, clock }, id, hashes, 'tofu'),
      };
    },
  };
}

export type Repositories = ReturnType<typeof openRepositories>;
