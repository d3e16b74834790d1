import { lambdaClock } from '../adapters/aws/clock.ts';
import { openEgress } from '../adapters/network/egress.ts';
import { gitHttpsSource } from '../adapters/network/git-https-source.ts';
import { gitCredentials } from '../adapters/network/git-smart-http-helper.ts';
import { moduleProxySource } from '../adapters/network/module-proxy-source.ts';
import { ociRegistry } from '../adapters/network/oci-registry.ts';
import { scmReviews } from '../adapters/network/scm-reviews.ts';
import { scmStatus } from '../adapters/network/scm-status.ts';
import { type ModuleDepsOptions, moduleDepsOf, openTenantModules } from '../adapters/network/tenant-modules.ts';
import { ModulePath } from '../core/brands.ts';
import type { Config, FetchConfig, RepositoryConfig, TenantConfig } from '../core/config.ts';
import { assertNever, Fault } from '../core/faults.ts';
import type { CommitStatus } from '../core/ports/commit-status.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { Registry } from '../core/ports/registry.ts';
import type { Reviews } from '../core/ports/reviews.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import type { SourceHost } from '../core/ports/source-host.ts';
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
export function sourceHosts(deployed: Deployed, secrets: Secrets) {
  const { config, tenantOf } = deployed;
  const egress = openEgress(config.hosts);
  const modulesOf = tenantModules(deployed, secrets);
  const hostOf = (tenant: TenantConfig, fetch: FetchConfig): SourceHost | undefined => {
    switch (fetch.kind) {
      case 'module-proxy':
        return moduleProxySource(modulesOf(tenant.id).listed, ModulePath.parse(fetch.module));
      case 'git-https':
        return gitHttpsSource({ egress, url: new URL(fetch.url), credentials: gitCredentials(secrets, fetch) });
      case 'git':
        return undefined;
      default:
        return assertNever(fetch);
    }
  };
  return (id: TenantId, host: string, name: string): { host: SourceHost; fetch: FetchConfig } => {
    const tenant = tenantOf(id);
    const fetch = repositoryOf(tenant, { host, name })?.fetch;
    const found = fetch && hostOf(tenant, fetch);
    if (!fetch || !found) throw notHere(id, { host, name }, 'source');
    return { host: found, fetch };
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

/** Where each tenant's modules come from. */
export function tenantModules({ config, tenantOf }: Deployed, secrets: Secrets) {
  const egress = openEgress(config.hosts);
  return (id: TenantId) => openTenantModules({ egress, secrets, clock: lambdaClock }, tenantOf(id));
}

/** What a tenant's modules are read from and proved with. */
export function moduleDeps(
  deployed: Deployed,
  heads: HeadStore,
  secrets: Secrets,
  cachesOf: (tenant: TenantId) => ModuleDepsOptions['caches'],
) {
  const modulesOf = tenantModules(deployed, secrets);
  return (id: TenantId) =>
    moduleDepsOf(modulesOf(id), deployed.tenantOf(id), { clock: lambdaClock, heads, caches: cachesOf(id) });
}

/** The hosts of a tenant's repositories, each asked about its own; nobody where configuration names no place. */
export function reviewsOf({ config, tenantOf }: Deployed, secrets: Secrets) {
  const egress = openEgress(config.hosts);
  return (id: TenantId): Reviews => ({
    of: async (repository, commit) => {
      const reviews = repositoryOf(tenantOf(id), repository)?.reviews;
      if (!reviews) return undefined;
      const token = async () => (await secrets.values(reviews.token))[0] ?? '';
      return scmReviews({ egress, kind: reviews.kind, url: reviews.url, token }).of(repository, commit);
    },
  });
}

/** Where the host of a repository is told what was decided; `undefined` where configuration names no place. */
export function statusOf({ config, tenantOf }: Deployed, secrets: Secrets) {
  const egress = openEgress(config.hosts);
  return (id: TenantId, host: string, name: string): CommitStatus | undefined => {
    const status = repositoryOf(tenantOf(id), { host, name })?.status;
    if (!status) return undefined;
    const token = async () => (await secrets.values(status.token))[0] ?? '';
    return scmStatus({ egress, kind: status.kind, url: status.url, repository: name, token });
  };
}
