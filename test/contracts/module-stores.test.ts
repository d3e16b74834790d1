import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe } from 'vitest';
import { folderTileCache } from '../../adapters/embedded/folder-tile-cache.ts';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { sqliteHeadStore } from '../../adapters/embedded/sqlite-head-store.ts';
import { sqliteModuleLog } from '../../adapters/embedded/sqlite-module-log.ts';
import { memoryHeadStore } from '../fakes/memory-head-store.ts';
import { memoryModuleLog } from '../fakes/memory-module-log.ts';
import { memoryTileCache } from '../fakes/memory-tile-cache.ts';
import { headStoreContract } from './head-store.contract.ts';
import { moduleLogContract } from './module-log.contract.ts';
import { tileCacheContract } from './tile-cache.contract.ts';

const root = mkdtempSync(join(tmpdir(), 'relseal-module-stores-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('foreign heads in memory', () => headStoreContract(memoryHeadStore));
describe('foreign heads in SQLite', () => headStoreContract(() => sqliteHeadStore(openSqlite(':memory:'))));
describe('the tile cache in memory', () => tileCacheContract(memoryTileCache));
describe('the tile cache in a folder', () =>
  tileCacheContract(() => folderTileCache(mkdtempSync(join(root, 'tiles-')))));
describe('module logs in memory', () => moduleLogContract(memoryModuleLog));
describe('module logs in SQLite', () => moduleLogContract(() => sqliteModuleLog(openSqlite(':memory:'))));
