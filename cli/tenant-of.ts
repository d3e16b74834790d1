import { existsSync } from 'node:fs';
import { logsOf } from '../core/config.ts';
import type { TenantId } from '../events/fields.ts';
import { type Given, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { type DataFolder, dataFolder } from './data-folder.ts';
import { openStores, type Stores } from './stores.ts';

export const TENANT_OPTION = {
  tenant: { type: 'string', value: 'ID', help: 'whose log; needed only where the configuration has several tenants' },
} as const;

/** The tenant that is meant: the one named, which must have a log, or the only one there is. */
export async function tenantOf(given: Given, folder: DataFolder): Promise<TenantId> {
  const config = await readConfigFile(folder.config);
  const known = config.tenants.map(({ id }) => id);
  const named = given.text('tenant');
  if (named !== undefined) {
    const found = logsOf(config).find(({ id }) => id === named)?.id;
    if (found === undefined)
      throw new UsageError(`--tenant ${named} is not in ${folder.config}, which has ${known.join(', ')}`);
    return found;
  }
  const [only, ...others] = known;
  if (only === undefined || others.length > 0)
    throw new UsageError(`${folder.config} has several tenants: name one with --tenant (${known.join(', ')})`);
  return only;
}

/** Opens what a server left or is writing; a folder without its database is not a data folder, and none is made. */
export async function withTenantStores<T>(
  given: Given,
  work: (opened: { folder: DataFolder; stores: Stores; tenant: TenantId }) => Promise<T>,
): Promise<T> {
  const folder = dataFolder(given.required('data'));
  const tenant = await tenantOf(given, folder);
  if (!existsSync(folder.database))
    throw new UsageError(`${folder.database} is missing: relseal serve --data ${folder.root} makes it when it starts`);
  const stores = openStores(folder);
  try {
    return await work({ folder, stores, tenant });
  } finally {
    stores.close();
  }
}
