import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { folderModuleCache } from '../adapters/embedded/folder-module-cache.ts';
import { openChecksumDatabase } from '../adapters/network/checksum-database.ts';
import { type EgressHost, openEgress } from '../adapters/network/egress.ts';
import { openDirectModules } from '../adapters/network/git-direct-modules.ts';
import { goModuleCache } from '../adapters/network/go-module-cache.ts';
import { parseProxyList } from '../adapters/network/goproxy-helper.ts';
import { openModuleProxy } from '../adapters/network/module-proxy.ts';
import { openThreadedZipHasher } from '../adapters/network/threaded-zip-hasher.ts';
import type { ModulePath } from '../core/brands.ts';
import { Fault } from '../core/faults.ts';
import { cachedModules, inOrder, type StatedH1, statedH1 } from '../core/gosum/cached-modules.ts';
import type { GoSumLine } from '../core/gosum/go-sum.ts';
import { matchesPathPatterns } from '../core/gosum/module-path.ts';
import { hashingOnce, plainZipHasher, rememberingZipHasher } from '../core/gosum/zip-hashing.ts';
import type { ChecksumDatabase } from '../core/ports/checksum-database.ts';
import type { ModuleIndex, ModuleSource } from '../core/ports/module-source.ts';
import type { ZipHasher } from '../core/ports/zip-hasher.ts';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import { offlineDatabase } from '../core/sumdb/offline.ts';
import { parseVerifierKey } from '../core/tlog/note.ts';
import { TenantId } from '../events/fields.ts';
import type { Io } from './command.ts';
import type { GoSettings } from './go-env.ts';
import type { ModuleState } from './module-state.ts';

/** Where module bytes and records come from on a user's machine, and who is asked for them. */

export interface ModuleAccessOptions {
  readonly settings: GoSettings;
  /** The module cache of the go command that was named; without a name the usual one counts where it exists. */
  readonly moduleCache?: string;
  /** Nobody is asked over the network. */
  readonly offline: boolean;
  /** Where repositories may be read when GOPROXY leads to `direct`, and those of modules that no proxy is asked for. */
  readonly directHosts: readonly string[];
  /** Opens the way out; replaced in tests. */
  readonly openEgress?: typeof openEgress;
  readonly state: ModuleState;
  readonly io: Pick<Io, 'progress' | 'signal'>;
}

export interface ModuleAccess {
  readonly modules: ModuleSource;
  readonly index: ModuleIndex;
  readonly database: ChecksumDatabase;
  readonly hasher: ZipHasher;
  /** `path@version`, or the path where versions were sought, of what only somebody else could have and nobody was asked for. */
  readonly unasked: ReadonlySet<string>;
  /** What go.sum states: what is fetched under such a hash is fetched once. */
  state(lines: readonly GoSumLine[]): void;
  close(): Promise<void>;
}

/** Big zips of the public proxy lie where its redirects lead (golang/go#52908). */
const REDIRECTS: Readonly<Record<string, readonly string[]>> = { 'proxy.golang.org': ['storage.googleapis.com'] };
/** One user's machine has no tenants. */
const NOBODY = TenantId.parse('local');

/**
 * The hosts that the settings and the user name, and no other. They may have private addresses, as a mirror under a
 * public name has: on this machine nobody but its user chose them, and certificates tell whether they are who they say.
 */
export function hostsOf({ proxy, database }: GoSettings, direct: readonly string[] = []): EgressHost[] {
  const proxies = parseProxyList(proxy).flatMap((entry) => (entry.kind === 'https' ? [entry.base.host] : []));
  const log =
    database.kind === 'off'
      ? []
      : [(database.url ?? new URL(`https://${parseVerifierKey(database.verifierKey).name}/`)).host];
  return [
    ...proxies.flatMap((host) => REDIRECTS[host] ?? []).map((host) => ({ host, private: false })),
    ...[...proxies, ...log, ...direct].map((host) => ({ host, private: true })),
  ];
}

/** A thread takes longer to start than to hash what is smaller. */
const SMALL_ZIP_BYTES = 256 * 1024;

function sparing(threads: ZipHasher): ZipHasher {
  const hasherOf = ({ size }: { readonly size: number }) => (size < SMALL_ZIP_BYTES ? plainZipHasher : threads);
  return {
    hash: (zip, path, version) => hasherOf(zip).hash(zip, path, version),
    sha256: (zip) => hasherOf(zip).sha256(zip),
  };
}

type Modules = ModuleSource & ModuleIndex;

const notThere = (what: string) =>
  Promise.reject(new Fault('ModuleProxyUnreachable', `offline: ${what} is not in the module cache`));
const OFFLINE_MODULES: Modules = {
  goMod: (path, version) => notThere(`the go.mod of ${path}@${version}`),
  zip: (path, version) => notThere(`the zip of ${path}@${version}`),
  versions: (path) => notThere(`the list of versions of ${path}`),
  info: (path, version) => notThere(`the description of ${path}@${version}`),
  latest: (path) => notThere(`the latest version of ${path}`),
};

/** Who may be asked for a module: whoever GOPROXY says, its own repository past every proxy, or nobody. */
export function askedFor(
  { settings, directHosts }: Pick<ModuleAccessOptions, 'settings' | 'directHosts'>,
  path: ModulePath,
): 'proxy' | 'origin' | 'nobody' {
  if (!matchesPathPatterns(settings.noProxy.patterns, path)) return 'proxy';
  return directHosts.includes(path.split('/')[0] ?? '') ? 'origin' : 'nobody';
}

/** Says what is asked for, stops when the user does, and answers "none" for what must not be asked for. */
function discreet({ source, origin }: { source: Modules; origin: Modules }, options: ModuleAccessOptions) {
  const { io } = options;
  const unasked = new Set<string>();
  let asked = 0;
  const ask = async <T>(
    path: ModulePath,
    key: string,
    fetch: (from: Modules) => Promise<T>,
  ): Promise<T | undefined> => {
    io.signal.throwIfAborted();
    const whom = askedFor(options, path);
    if (whom === 'nobody') {
      unasked.add(key);
      return undefined;
    }
    asked += 1;
    io.progress(`${asked}: ${key}`);
    return fetch(whom === 'proxy' ? source : origin);
  };
  const modules: Modules = {
    goMod: (path, version) => ask(path, `${path}@${version}`, (from) => from.goMod(path, version)),
    zip: (path, version) => ask(path, `${path}@${version}`, (from) => from.zip(path, version)),
    versions: (path) => ask(path, path, (from) => from.versions(path)),
    info: (path, version) => ask(path, `${path}@${version}`, (from) => from.info(path, version)),
    latest: (path) => ask(path, path, (from) => from.latest(path)),
  };
  return { modules, unasked };
}

/** The usual module cache is no more than a chance; one that was named must be there. */
function cacheOf({ settings, moduleCache }: ModuleAccessOptions): readonly ModuleSource[] {
  if (moduleCache !== undefined) return [goModuleCache(moduleCache)];
  const usual = settings.moduleCache;
  return usual !== undefined && existsSync(usual) ? [goModuleCache(usual)] : [];
}

function openNetwork({ settings, io, directHosts, openEgress: open = openEgress }: ModuleAccessOptions) {
  const egress = open(hostsOf(settings, directHosts));
  // What is under way ends at once, and nothing is tried again.
  io.signal.addEventListener('abort', () => egress.close(), { once: true });
  const wait = (ms: number) => sleep(ms, undefined, { signal: io.signal });
  const { database: named, proxy } = settings;
  const where = named.kind === 'on' && named.url ? { url: named.url } : {};
  const proxyAt = (base: string) => openModuleProxy({ proxy: base, egress, sleep: wait });
  const origin = openDirectModules({ egress, proxyAt });
  return {
    origin,
    source: openModuleProxy({ proxy, egress, sleep: wait, ...(directHosts.length > 0 ? { direct: origin } : {}) }),
    database: openChecksumDatabase({ verifierKey: keyOf(settings), ...where, proxy, egress, sleep: wait }),
    close: () => egress.close(),
  };
}

/** Where GOSUMDB is off nothing is asked of it; a key is needed to say of whom. */
const keyOf = ({ database }: GoSettings): string =>
  database.kind === 'on' ? database.verifierKey : checksumDatabaseKey('sum.golang.org');

export async function openModuleAccess(options: ModuleAccessOptions): Promise<ModuleAccess> {
  const { settings, offline, state: kept } = options;
  const network = offline
    ? {
        ...{ source: OFFLINE_MODULES, origin: OFFLINE_MODULES },
        ...{ database: offlineDatabase(keyOf(settings)), close: () => undefined },
      }
    : openNetwork(options);
  const threads = openThreadedZipHasher();
  const hashing = sparing(threads);
  const hasher = hashingOnce(kept.memo ? rememberingZipHasher(hashing, kept.memo) : hashing);
  const { modules: source, unasked } = discreet(network, options);
  // Zips are read once to hash them and again for their packages: what was fetched is kept for as long as this runs.
  const fetched = await mkdtemp(join(tmpdir(), 'relseal-modules-'));
  let stated: StatedH1 = () => undefined;
  const cache = folderModuleCache(fetched, NOBODY);
  const proxy = cachedModules({ source, cache, hasher, stated: (...module) => stated(...module) });
  return {
    modules: inOrder(...cacheOf(options), proxy),
    index: source,
    ...{ database: network.database, hasher, unasked },
    state: (lines) => {
      stated = statedH1(lines);
    },
    close: async () => {
      network.close();
      await threads.close();
      await rm(fetched, { recursive: true, force: true });
    },
  };
}
