import type { ModulePath } from '../../core/brands.ts';
import type { ModulesConfig, TenantConfig } from '../../core/config.ts';
import { Fault } from '../../core/faults.ts';
import { originsOf } from '../../core/modpolicy/compare-origins.ts';
import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { HeadStore } from '../../core/ports/head-store.ts';
import type { ModuleCache } from '../../core/ports/module-cache.ts';
import type { ModuleIndex, ModuleSource } from '../../core/ports/module-source.ts';
import type { ModuleTrust } from '../../core/ports/module-trust.ts';
import type { TileCache } from '../../core/ports/tile-cache.ts';
import { checksumDatabaseKey } from '../../core/sumdb/databases.ts';
import { classifyModule, privacySettings, privatePatterns } from '../../core/sumdb/privacy.ts';
import { openChecksumDatabase } from './checksum-database.ts';
import { type CredentialDeps, withCredentials } from './credentials.ts';
import { openDirectModules } from './git-direct-modules.ts';
import { type ModuleProxyOptions, openModuleProxy } from './module-proxy.ts';
import { openModuleTrust } from './module-trust.ts';

type Modules = ModuleSource & ModuleIndex;

export interface TenantModules {
  /** Private modules from where they may be asked for, all others from the whole list. */
  readonly modules: Modules;
  /** The whole list, for a module that configuration itself has fetched from it. */
  readonly listed: Modules;
  /** What origins hold, whatever the proxies serve. */
  readonly direct: Modules;
  /** What proxies serve; where their list leads to `direct`, nothing. */
  readonly proxied: ModuleSource;
  /** What publishers signed. */
  readonly trust: ModuleTrust;
  readonly database: ChecksumDatabase;
  /** The same database by a second way, to compare with. */
  readonly witness?: ChecksumDatabase;
}

/** A second look may not hold a run up for long. */
const WITNESS_MS = 10_000;

/** Proxies that serve everybody: whoever asks one for a private module tells the world its name. */
const PUBLIC_PROXIES: ReadonlySet<string> = new Set([
  'proxy.golang.org',
  'goproxy.io',
  'goproxy.cn',
  'goproxy.baidu.com',
  'mirrors.aliyun.com',
  'mirrors.cloud.tencent.com',
]);

const isPublic = (entry: string): boolean => {
  const url = entry.includes('://') ? entry : `https://${entry}`;
  return URL.canParse(url) && PUBLIC_PROXIES.has(new URL(url).hostname);
};

/** Where private modules are read: as configuration says, else the first of the list that is not everybody's. */
const privateList = ({ proxy, privateProxy }: ModulesConfig): string | undefined =>
  privateProxy ??
  proxy
    .split(/[,|]/)
    .map((entry) => entry.trim())
    .find((entry) => entry !== '' && !isPublic(entry));

const nowhere = async (): Promise<never> => {
  throw new Fault(
    'ConfigurationInvalid',
    'no proxy may be asked for a private module: name one as modules.privateProxy',
  );
};
const NOWHERE: Modules = { goMod: nowhere, zip: nowhere, versions: nowhere, info: nowhere, latest: nowhere };

/** One source or the other, by the path of the module. */
const routed = (sourceOf: (path: ModulePath) => Modules): Modules => ({
  goMod: (path, version) => sourceOf(path).goMod(path, version),
  zip: (path, version) => sourceOf(path).zip(path, version),
  versions: (path) => sourceOf(path).versions(path),
  info: (path, version) => sourceOf(path).info(path, version),
  latest: (path) => sourceOf(path).latest(path),
});

/** Where one tenant's modules come from and are proved, asked by who its configuration says. */
export function openTenantModules(
  deps: CredentialDeps,
  tenant: Pick<TenantConfig, 'modules' | 'sources'>,
): TenantModules {
  const { proxy, checksumDatabase, checksumWitness, credentials } = tenant.modules;
  const egress = withCredentials(deps, credentials);
  const verifierKey = checksumDatabaseKey(checksumDatabase);
  const witness = checksumWitness === undefined ? undefined : { url: new URL(checksumWitness), timeoutMs: WITNESS_MS };
  const direct = openDirectModules({ egress, proxyAt: (base) => openModuleProxy({ proxy: base, egress }) });
  const privacy = privacySettings(tenant);
  const ownList = privateList(tenant.modules);
  // What nobody decided on is asked for like a private module: the check that refuses it says why.
  const byPrivacy = (options: Pick<ModuleProxyOptions, 'direct'>): Modules => {
    const listed = openModuleProxy({ proxy, egress, ...options });
    const own = ownList === undefined ? NOWHERE : openModuleProxy({ proxy: ownList, egress, ...options });
    return routed((path) => (classifyModule(path, privacy) === 'public' ? listed : own));
  };
  return {
    modules: byPrivacy({ direct }),
    listed: openModuleProxy({ proxy, egress, direct }),
    direct,
    proxied: byPrivacy({}),
    trust: openModuleTrust({ egress }),
    database: openChecksumDatabase({ verifierKey, proxy, egress }),
    ...(witness ? { witness: openChecksumDatabase({ verifierKey, proxy, egress, ...witness }) } : {}),
  };
}

export interface ModuleDepsOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly heads: HeadStore;
  /** This tenant's; losing them costs time. */
  readonly caches: { readonly modules: ModuleCache; readonly tiles: TileCache };
}

/** What checks read one tenant's modules from and prove them with. */
export function moduleDepsOf(
  { modules, direct, proxied, trust, database, witness }: TenantModules,
  tenant: Pick<TenantConfig, 'modules' | 'sources'>,
  { clock, heads, caches }: ModuleDepsOptions,
) {
  const privacy = privacySettings(tenant);
  return {
    ...{ modules, index: modules, origins: originsOf(direct), proxied, trust, database, heads, cache: caches.modules },
    proving: () => ({
      ...{ now: new Date(clock.now()).toISOString(), cache: caches.tiles },
      ...(witness ? { witness } : {}),
    }),
    settings: { private: privatePatterns(privacy) },
    classify: (path: string) => classifyModule(path, privacy),
  };
}
