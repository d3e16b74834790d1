import type { TenantConfig } from '../../core/config.ts';
import type { ChecksumDatabase } from '../../core/ports/checksum-database.ts';
import type { ModuleIndex, ModuleSource } from '../../core/ports/module-source.ts';
import { checksumDatabaseKey } from '../../core/sumdb/databases.ts';
import { openChecksumDatabase } from './checksum-database.ts';
import { type CredentialDeps, withCredentials } from './credentials.ts';
import { openDirectModules } from './git-direct-modules.ts';
import { openModuleProxy } from './module-proxy.ts';

export interface TenantModules {
  readonly modules: ModuleSource & ModuleIndex;
  /** What origins hold, whatever the proxies serve. */
  readonly direct: ModuleSource & ModuleIndex;
  readonly database: ChecksumDatabase;
}

/** Where one tenant's modules come from and are proved, asked by who its configuration says. */
export function openTenantModules(
  deps: CredentialDeps,
  { modules: config }: Pick<TenantConfig, 'modules'>,
): TenantModules {
  const { proxy, checksumDatabase, credentials } = config;
  const egress = withCredentials(deps, credentials);
  const direct = openDirectModules({ egress, proxyAt: (base) => openModuleProxy({ proxy: base, egress }) });
  return {
    modules: openModuleProxy({ proxy, egress, direct }),
    direct,
    database: openChecksumDatabase({ verifierKey: checksumDatabaseKey(checksumDatabase), proxy, egress }),
  };
}
