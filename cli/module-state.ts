import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openFileH1Memo } from '../adapters/embedded/file-h1-memo.ts';
import { folderTileCache } from '../adapters/embedded/folder-tile-cache.ts';
import { openSqlite } from '../adapters/embedded/sqlite.ts';
import { sqliteHeadStore } from '../adapters/embedded/sqlite-head-store.ts';
import type { H1Memo } from '../core/ports/h1-memo.ts';
import type { HeadStore, KeptHead } from '../core/ports/head-store.ts';
import type { TileCache } from '../core/ports/tile-cache.ts';
import type { Io } from './command.ts';
import { dataFolder } from './data-folder.ts';
import { type UserFolders, userFolders } from './go-env.ts';
import { openStores } from './stores.ts';

/** What one check of modules keeps for the next. */
export interface ModuleState {
  /** Trusted: a head that was seen keeps the checksum database from showing an older or another history. */
  readonly heads: HeadStore;
  /** Proved again whenever it is read. Absent, as the memo: the user has no folder to keep it in. */
  readonly tiles?: TileCache;
  readonly memo?: H1Memo;
  close(): void;
}

/** Heads of one process: the next one trusts anew on first use. */
function forgettingHeads(): HeadStore {
  const heads = new Map<string, KeptHead>();
  return {
    load: async (log) => heads.get(log),
    save: async (log, head) => {
      if (head.size > (heads.get(log)?.size ?? -1)) heads.set(log, head);
    },
  };
}

/** Our own folders below the user's, made; `undefined` where there are none or they cannot be written. */
async function ownFolders({ environment, note }: Pick<Io, 'environment' | 'note'>): Promise<UserFolders | undefined> {
  const found = userFolders(environment);
  if (!found) return undefined;
  const own = { cache: join(found.cache, 'relseal'), config: join(found.config, 'relseal') };
  try {
    for (const folder of [own.cache, own.config]) await mkdir(folder, { recursive: true, mode: 0o700 });
    return own;
  } catch {
    note(`${own.cache} and ${own.config} cannot be made: nothing is kept for the next time`);
    return undefined;
  }
}

function openHeads(data: string | undefined, own: UserFolders | undefined): Pick<ModuleState, 'heads' | 'close'> {
  if (data !== undefined) return openStores(dataFolder(data));
  if (!own) return { heads: forgettingHeads(), close: () => undefined };
  const database = openSqlite(join(own.config, 'heads.db'));
  return { heads: sqliteHeadStore(database), close: () => database.close() };
}

/**
 * Opens what is kept: the heads in the data folder when one is named, else beside the key of the memo in the user's
 * configuration folder; what only saves time in the user's cache folder.
 */
export async function openModuleState(
  data: string | undefined,
  io: Pick<Io, 'environment' | 'note'>,
): Promise<ModuleState> {
  const own = await ownFolders(io);
  const memo = own && (await openFileH1Memo({ file: join(own.cache, 'h1-memo'), keyFile: join(own.config, 'h1.key') }));
  const { heads, close } = openHeads(data, own);
  return {
    heads,
    ...(own ? { tiles: folderTileCache(join(own.cache, 'checksum-database')) } : {}),
    ...(memo ? { memo } : {}),
    close,
  };
}
