import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import { UsageError } from './command.ts';

/**
 * Settings of the go command, read as it reads them: the environment, then the file that GOENV names, then its published
 * defaults. An empty variable counts as none. What they may not relax is decided by whoever uses them.
 */
export interface GoSettings {
  /** A GOPROXY list. */
  readonly proxy: string;
  readonly database: GoChecksumDatabase;
  /** The database is another than go's default. */
  readonly ownDatabase: boolean;
  /** Patterns of modules that no proxy, and that no checksum database, is to be asked for; each with its variable. */
  readonly noProxy: GoPatterns;
  readonly noDatabase: GoPatterns;
  /** Where the go command keeps what it downloaded; absent where it cannot tell either. */
  readonly moduleCache?: string;
  /** Variables that would weaken the check and are not followed. */
  readonly ignored: readonly string[];
}

export interface GoPatterns {
  readonly variable: string;
  readonly patterns: readonly string[];
}

export type GoChecksumDatabase =
  /** GOSUMDB=off. */
  | { readonly kind: 'off' }
  /** `url` is asked instead of the proxies and the database's own host. */
  | { readonly kind: 'on'; readonly verifierKey: string; readonly url?: URL };

type Environment = Readonly<Record<string, string | undefined>>;
type GoVariables = (name: string) => string | undefined;

const DEFAULT_PROXY = 'https://proxy.golang.org,direct';
const DEFAULT_DATABASE = 'sum.golang.org';

/** `os.UserConfigDir`. */
function userConfigFolder(environment: Environment, platform: NodeJS.Platform): string {
  const home = environment.HOME ?? homedir();
  if (platform === 'win32') return environment.AppData ?? environment.APPDATA ?? join(home, 'AppData', 'Roaming');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  return environment.XDG_CONFIG_HOME || join(home, '.config');
}

/** Where a user's programs keep what can be made again, and what cannot. */
export interface UserFolders {
  readonly cache: string;
  readonly config: string;
}

/** `os.UserCacheDir` and `os.UserConfigDir`; `undefined` where the environment names no home. */
export function userFolders(
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): UserFolders | undefined {
  const config = userConfigFolder(environment, platform);
  if (platform === 'win32') {
    const cache = environment.LocalAppData ?? environment.LOCALAPPDATA;
    return cache === undefined ? undefined : { cache, config };
  }
  const { HOME: home = '', XDG_CACHE_HOME: cache = '', XDG_CONFIG_HOME: named = '' } = environment;
  if (platform === 'darwin') return home === '' ? undefined : { cache: join(home, 'Library', 'Caches'), config };
  if (home === '' && (cache === '' || named === '')) return undefined;
  return { cache: cache || join(home, '.cache'), config };
}

async function readGoEnvFile(environment: Environment, platform: NodeJS.Platform): Promise<Map<string, string>> {
  const named = environment.GOENV ?? '';
  if (named === 'off') return new Map();
  const file = named || join(userConfigFolder(environment, platform), 'go', 'env');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return '';
    throw new UsageError(`GOENV names ${file}, which cannot be read: make it readable, or set GOENV=off`);
  });
  // The go command ignores what is no NAME=value line, and takes the last of several.
  const lines = text.split('\n').flatMap((line) => {
    const [, name, value] = /^([A-Z][^=]*)=(.*)$/s.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name, value] as const];
  });
  return new Map(lines);
}

const patternsOf = (text: string): string[] =>
  text
    .split(',')
    .map((pattern) => pattern.trim())
    .filter((pattern) => pattern !== '');

function patternsIn(go: GoVariables, variable: string): GoPatterns {
  const own = go(variable);
  if (own !== undefined) return { variable, patterns: patternsOf(own) };
  return { variable: 'GOPRIVATE', patterns: patternsOf(go('GOPRIVATE') ?? '') };
}

/** GOSUMDB: a name that is known or a verifier key, then perhaps the URL to ask. */
function databaseIn(go: GoVariables): GoChecksumDatabase {
  const setting = go('GOSUMDB') ?? DEFAULT_DATABASE;
  if (setting === 'off') return { kind: 'off' };
  // The go command's own alias for where the name is not reachable.
  const expanded = setting === 'sum.golang.google.cn' ? 'sum.golang.org https://sum.golang.google.cn' : setting;
  const [name = '', url, ...more] = expanded.split(/\s+/).filter((word) => word !== '');
  if (name === '' || more.length > 0) throw new UsageError('GOSUMDB holds a name or key, and at most one URL');
  const database = { kind: 'on' as const, verifierKey: checksumDatabaseKey(name) };
  if (url === undefined) return database;
  if (!URL.canParse(url)) throw new UsageError('GOSUMDB: its second word is no URL');
  return { ...database, url: new URL(url) };
}

/** The module cache of the go command: its own variable, else below the first folder of GOPATH, else below the home. */
function moduleCacheIn(go: GoVariables): string | undefined {
  const named = go('GOMODCACHE');
  if (named !== undefined) return named;
  const [path = ''] = (go('GOPATH') ?? '').split(delimiter);
  if (path !== '') return join(path, 'pkg', 'mod');
  const home = go('HOME') ?? go('USERPROFILE');
  return home === undefined ? undefined : join(home, 'go', 'pkg', 'mod');
}

const WEAKENING: readonly (readonly [string, (value: string) => boolean])[] = [
  ['GONOSUMCHECK', () => true],
  ['GOINSECURE', () => true],
  ['GOFLAGS', (value) => value.split(/\s+/).some((flag) => /^--?insecure(?:=|$)/.test(flag))],
  // It may name a command to run.
  ['GOAUTH', (value) => !/^(?:off|netrc)$/.test(value)],
];

/** Variables as the go command sees them; `platform` decides where it keeps its file. */
export async function readGoVariables(
  environment: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<GoVariables> {
  const file = await readGoEnvFile(environment, platform);
  return (name) => environment[name] || file.get(name) || undefined;
}

export function goSettingsOf(go: GoVariables): GoSettings {
  const database = databaseIn(go);
  const moduleCache = moduleCacheIn(go);
  return {
    proxy: go('GOPROXY') ?? DEFAULT_PROXY,
    database,
    ownDatabase: database.kind === 'on' && database.verifierKey !== checksumDatabaseKey(DEFAULT_DATABASE),
    noProxy: patternsIn(go, 'GONOPROXY'),
    noDatabase: patternsIn(go, 'GONOSUMDB'),
    ...(moduleCache === undefined ? {} : { moduleCache }),
    ignored: WEAKENING.flatMap(([name, weakens]) => {
      const value = go(name);
      return value !== undefined && weakens(value) ? [name] : [];
    }),
  };
}
