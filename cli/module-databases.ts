import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Hono } from 'hono';
import { folderTileCache } from '../adapters/embedded/folder-tile-cache.ts';
import { createKeyFile } from '../adapters/embedded/key-file.ts';
import { keyFileNoteSigner } from '../adapters/embedded/key-file-note-signer.ts';
import { moduleDatabaseApp } from '../adapters/embedded/module-database-app.ts';
import type { Config } from '../core/config.ts';
import { type ModuleDatabase, moduleDatabase } from '../core/modulelog/database.ts';
import { upstreamProver } from '../core/modulelog/upstream.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { ModuleLogStore } from '../core/ports/module-log-store.ts';
import { classifyModule, privacySettings } from '../core/sumdb/privacy.ts';
import type { TenantId } from '../events/fields.ts';
import type { DataFolder } from './data-folder.ts';
import type { Repositories } from './repositories.ts';

/** Where the server has them. */
export const MODULE_DATABASES_PATH = '/sumdb';

export interface ModuleDatabasesDeps {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly passphrase: string;
  readonly repositories: {
    moduleDeps(tenant: TenantId): Pick<ReturnType<Repositories['moduleDeps']>, 'modules' | 'database' | 'hasher'>;
  };
  readonly store: ModuleLogStore;
  readonly heads: HeadStore;
  readonly clock: Clock;
  failed(error: unknown): void;
}

export interface ModuleDatabases {
  readonly app: Hono;
  /** What whoever builds sets as the first word of GOSUMDB, by tenant. */
  readonly verifierKeys: ReadonlyMap<string, string>;
}

/**
 * The module logs of tenants that name theirs, as checksum databases for the go command. Each has a key of its own,
 * made when it is first served: a signature says whose database it is only by its key.
 */
export async function openModuleDatabases(deps: ModuleDatabasesDeps): Promise<ModuleDatabases> {
  const { config, folder, passphrase, repositories, store, heads, clock, failed } = deps;
  const tiles = folderTileCache(folder.caches.tiles);
  const databases = new Map<string, ModuleDatabase>();
  const verifierKeys = new Map<string, string>();
  for (const tenant of config.tenants) {
    const name = tenant.modules.database;
    if (name === undefined) continue;
    const file = folder.moduleKey(tenant.id);
    await mkdir(dirname(file), { recursive: true });
    if (!existsSync(file)) await createKeyFile(file, 'note', passphrase);
    const { modules, database, hasher } = repositories.moduleDeps(tenant.id);
    const privacy = privacySettings(tenant);
    const served = moduleDatabase({
      ...{ store, clock, tenant: tenant.id, name, modules, hasher },
      signer: await keyFileNoteSigner(file, passphrase),
      classify: (path) => classifyModule(path, privacy),
      prove: upstreamProver({ database, heads, tiles, clock }),
    });
    databases.set(tenant.id, served);
    verifierKeys.set(tenant.id, await served.verifierKey());
  }
  const answer = async (tenant: string, path: string) => databases.get(tenant)?.answer(path);
  return { app: moduleDatabaseApp({ base: MODULE_DATABASES_PATH, answer, failed }), verifierKeys };
}
