import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChecksumDatabase } from '../adapters/network/checksum-database.ts';
import { type Egress, type EgressHost, openEgress } from '../adapters/network/egress.ts';
import { parseProxyList } from '../adapters/network/goproxy-helper.ts';
import { openModuleProxy } from '../adapters/network/module-proxy.ts';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { h1OfGoMod } from '../core/gosum/dirhash.ts';
import { parseGoSum } from '../core/gosum/go-sum.ts';
import { isCanonicalVersion } from '../core/gosum/go-version.ts';
import { matchesPathPatterns, modulePathProblem } from '../core/gosum/module-path.ts';
import { openModuleZip } from '../core/gosum/module-zip.ts';
import { type ModuleInputs, type ModuleVerification, verifyModuleHashes } from '../core/gosum/verify-modules.ts';
import { ZipInvalid } from '../core/gosum/zip-directory.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { ModuleSource } from '../core/ports/module-source.ts';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import { parseVerifierKey } from '../core/tlog/note.ts';
import type { Refusal } from '../core/verdict.ts';
import { type Io, UsageError } from './command.ts';
import type { GoPatterns, GoSettings } from './go-env.ts';
import { isMissing } from './missing.ts';
import type { Report, Unchecked } from './report.ts';

/** Module truth for someone at a terminal: a folder as it lies there, or a version as the proxy has it. */

export type ModuleTarget =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'version'; readonly path: ModulePath; readonly version: ModuleVersion };

export interface ModuleCheckDeps {
  readonly settings: GoSettings;
  /** Whether the environment may say what is private. */
  readonly trustEnvironment: boolean;
  readonly heads: HeadStore;
  readonly io: Pick<Io, 'progress' | 'signal'>;
}

const MAX_GO_MOD_BYTES = 16 * 1024 * 1024;
const MAX_GO_SUM_BYTES = 64 * 1024 * 1024;

/** A folder that is there is one even when its name has an `@`. */
export async function moduleTargetOf(argument: string): Promise<ModuleTarget> {
  const found = await stat(argument).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw new UsageError(`${argument}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  });
  if (found?.isDirectory()) return { kind: 'folder', folder: argument };
  const at = argument.lastIndexOf('@');
  const [path, version] = [argument.slice(0, Math.max(at, 0)), argument.slice(at + 1)];
  if (at < 0) throw new UsageError(`${argument} is no folder, and no MODULE@VERSION`);
  if (modulePathProblem(path) !== undefined)
    throw new UsageError(`${path} is no module path and ${argument} no folder`);
  if (!isCanonicalVersion(version)) throw new UsageError(`${version} is no full module version: write v1.2.3`);
  return { kind: 'version', path: ModulePath.parse(path), version: ModuleVersion.parse(version) };
}

/** What to do about each fault; the list may hold passwords, so it is not repeated. */
export const MODULE_FIXES = {
  ModuleProxyUnreachable: 'Try again, or set GOPROXY to a proxy that can be reached and has the module.',
  ChecksumDatabaseUnavailable: 'Try again, or set GOPROXY to a proxy that serves the checksum database.',
  EgressRefused: 'Only hosts that GOPROXY and GOSUMDB name are asked, over https unless they are on loopback.',
} as const;

/** Big zips of the public proxy lie where its redirects lead (golang/go#52908). */
const REDIRECTS: Readonly<Record<string, readonly string[]>> = { 'proxy.golang.org': ['storage.googleapis.com'] };

/**
 * The hosts that the settings name, and no other. They may have private addresses, as a mirror under a public name has:
 * on this machine nobody but its user chose them, and certificates tell whether they are who they say.
 */
export function hostsOf({ proxy, database }: GoSettings): EgressHost[] {
  const proxies = parseProxyList(proxy).flatMap((entry) => (entry.kind === 'https' ? [entry.base.host] : []));
  const log =
    database.kind === 'off'
      ? []
      : [(database.url ?? new URL(`https://${parseVerifierKey(database.verifierKey).name}/`)).host];
  return [
    ...proxies.flatMap((host) => REDIRECTS[host] ?? []).map((host) => ({ host, private: false })),
    ...[...proxies, ...log].map((host) => ({ host, private: true })),
  ];
}

const EVERYTHING = ['*'];

function patternsApplied({ settings, trustEnvironment }: ModuleCheckDeps) {
  const none: GoPatterns = { variable: '', patterns: [] };
  const noProxy = trustEnvironment ? settings.noProxy : none;
  const noDatabase = trustEnvironment ? settings.noDatabase : none;
  const isNoProxy = (path: string) => matchesPathPatterns(noProxy.patterns, path);
  const withheld = settings.database.kind === 'off' ? EVERYTHING : [...noProxy.patterns, ...noDatabase.patterns];
  return { isNoProxy, withheld };
}

/** What an untrusted environment calls private: asking for it would publish it for ever, leaving it out would be a hole. */
function undecided({ settings, trustEnvironment }: ModuleCheckDeps, paths: readonly string[]): Unchecked[] {
  if (trustEnvironment) return [];
  const variables = new Map<string, Set<string>>();
  for (const { variable, patterns } of [settings.noProxy, settings.noDatabase])
    for (const path of paths)
      if (matchesPathPatterns(patterns, path))
        variables.set(variable, (variables.get(variable) ?? new Set()).add(path));
  return [...variables].map(([variable, matched]) => {
    const [first = '', ...more] = matched;
    return {
      what: `${first}${more.length > 0 ? ` and ${more.length} more` : ''}`,
      why: `${variable} calls it private, so nobody was asked for anything`,
      fix: `--trust-env checks the rest and still exits 3; ${variable}=none has everything asked for in public.`,
    };
  });
}

interface Opened {
  readonly egress: Egress;
  readonly modules: ModuleSource;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A source that stops when the user does, counts, and says "none" of what it must not ask for. */
function openModules({ settings, io }: ModuleCheckDeps, isNoProxy: (path: string) => boolean): Opened {
  const egress = openEgress(hostsOf(settings));
  // What is under way ends at once, and nothing is tried again.
  io.signal.addEventListener('abort', () => egress.close(), { once: true });
  const wait = (ms: number) => sleep(ms, undefined, { signal: io.signal });
  const proxy = openModuleProxy({ proxy: settings.proxy, egress, sleep: wait });
  let asked = 0;
  const ask = async <T>(path: ModulePath, what: string, fetch: () => Promise<T>): Promise<T | undefined> => {
    io.signal.throwIfAborted();
    if (isNoProxy(path)) return undefined;
    asked += 1;
    io.progress(`${asked}: ${what}`);
    return fetch();
  };
  return {
    egress,
    sleep: wait,
    modules: {
      goMod: (path, version) => ask(path, `go.mod of ${path}@${version}`, () => proxy.goMod(path, version)),
      zip: (path, version) => ask(path, `${path}@${version}`, () => proxy.zip(path, version)),
    },
  };
}

async function readBounded(file: string, maxBytes: number): Promise<Uint8Array | undefined> {
  try {
    if ((await stat(file)).size > maxBytes) throw new UsageError(`${file} is larger than ${maxBytes} bytes`);
    return await readFile(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
}

async function readFolder(folder: string): Promise<ModuleInputs> {
  const goMod = await readBounded(join(folder, 'go.mod'), MAX_GO_MOD_BYTES);
  if (!goMod) throw new UsageError(`${join(folder, 'go.mod')} is missing: name the folder of a Go module`);
  return { goMod, goSum: await readBounded(join(folder, 'go.sum'), MAX_GO_SUM_BYTES), released: undefined };
}

const unusable = (where: string, expected: string, found: string): { reason: Refusal } => ({
  reason: {
    code: 'gosum.module-missing',
    where: where.slice(0, 1024),
    expected,
    found: found.slice(0, 1024),
    fix: 'Check the spelling, or ask a proxy that has this version (GOPROXY).',
  },
});

/** go.mod, go.sum and both hashes of a version that is public already. */
async function readVersion(
  modules: ModuleSource,
  path: ModulePath,
  version: ModuleVersion,
): Promise<ModuleInputs | { reason: Refusal }> {
  const where = `${path}@${version}`;
  const goMod = await modules.goMod(path, version);
  const zip = goMod && (await modules.zip(path, version));
  if (!zip) return unusable(where, 'a go.mod file and a zip', 'the module proxy says that there is none');
  try {
    const opened = await openModuleZip(zip, path, version);
    const listed = opened.files.find((file) => file.path === 'go.sum');
    const pieces: Uint8Array[] = [];
    if (listed && listed.size > MAX_GO_SUM_BYTES)
      return unusable(where, `a go.sum of at most ${MAX_GO_SUM_BYTES} bytes`, `${listed.size} bytes`);
    if (listed) for await (const piece of opened.content(listed)) pieces.push(Uint8Array.from(piece));
    const released = { path, version, zipH1: await opened.h1(), goModH1: h1OfGoMod(goMod), published: true };
    return { goMod, goSum: listed && Buffer.concat(pieces), released };
  } catch (error) {
    if (error instanceof ZipInvalid) return unusable(where, 'a valid module zip', error.message);
    throw error;
  } finally {
    await zip.release();
  }
}

const pathsIn = ({ goSum, released }: ModuleInputs): string[] => [
  ...(released ? [released.path] : []),
  ...(goSum ? parseGoSum(Buffer.from(goSum).toString('utf8')).lines.map(({ module }) => module) : []),
];

/** Judged lines that the settings kept from a full check, told by module. */
function leftOut({ settings }: ModuleCheckDeps, { lines, release }: ModuleVerification): Unchecked[] {
  if (settings.database.kind === 'off')
    return [
      {
        what: 'the checksum database',
        why: 'GOSUMDB is off: lines were hashed again, and proved by nobody',
        fix: 'Unset GOSUMDB, or give it the name or key of a checksum database.',
      },
    ];
  const modules = new Set(lines.filter(({ proved }) => proved === 'private').map(({ module }) => module));
  const of =
    modules.size > 0
      ? [`${modules.size} modules (${[...modules].slice(0, 3).join(', ')}${modules.size > 3 ? ', …' : ''})`]
      : [];
  if (release?.proved === 'private') of.push('the released module');
  return of.map((what) => ({
    what,
    why: 'private by the environment, so no checksum database was asked',
    fix: 'Have them verified where they may be asked for: in the service, with a policy of its own.',
  }));
}

/** "None" from a proxy that was not asked is no finding. */
function withoutUnasked(
  reasons: readonly Refusal[],
  { lines }: ModuleVerification,
  isNoProxy: (path: string) => boolean,
) {
  const unasked = new Set(
    lines.filter(({ module, proved }) => proved === 'private' && isNoProxy(module)).map(({ where }) => where),
  );
  return reasons.filter(({ code, where = '' }) => code !== 'gosum.module-missing' || !unasked.has(where));
}

type CheckedModules = Pick<Report, 'reasons' | 'unchecked' | 'details' | 'lines'>;

function summary({ lines, head, release }: ModuleVerification): string[] {
  const proved = lines.filter((line) => line.proved === 'database').length;
  return [
    `${proved} of ${lines.length} go.sum lines hashed again and proved`,
    ...(release ? [`the version’s own two hashes: ${release.proved}`] : []),
    ...(head ? [`in the tree of ${head.size} records signed by ${head.log}`] : []),
  ];
}

/** Checks one target. Faults are thrown: what could not be asked is for the caller to say. */
export async function checkModules(deps: ModuleCheckDeps, target: ModuleTarget): Promise<CheckedModules> {
  const { settings, heads } = deps;
  const { isNoProxy, withheld } = patternsApplied(deps);
  const early = target.kind === 'version' ? undecided(deps, [target.path]) : [];
  if (early.length > 0) return { reasons: [], unchecked: early };
  if (target.kind === 'version' && isNoProxy(target.path)) {
    const why = `${settings.noProxy.variable} says that no proxy has it`;
    return { reasons: [], unchecked: [{ what: target.path, why, fix: 'Check out its tag and verify the folder.' }] };
  }
  const { egress, modules, sleep: wait } = openModules(deps, isNoProxy);
  try {
    const inputs =
      target.kind === 'folder'
        ? await readFolder(target.folder)
        : await readVersion(modules, target.path, target.version);
    if ('reason' in inputs) return { reasons: [inputs.reason], unchecked: [] };
    const unanswered = undecided(deps, pathsIn(inputs));
    if (unanswered.length > 0) return { reasons: [], unchecked: unanswered };
    const { database: named, proxy } = settings;
    // Where GOSUMDB is off nothing is asked of it; a key is needed to say of whom.
    const verifierKey = named.kind === 'on' ? named.verifierKey : checksumDatabaseKey('sum.golang.org');
    const where = named.kind === 'on' && named.url ? { url: named.url } : {};
    const database = openChecksumDatabase({ verifierKey, ...where, proxy, egress, sleep: wait });
    const verification = await verifyModuleHashes(
      { modules, database, heads, settings: { private: withheld } },
      inputs,
    );
    const { lines, release, head } = verification;
    return {
      reasons: withoutUnasked(verification.reasons, verification, isNoProxy),
      unchecked: leftOut(deps, verification),
      lines: summary(verification),
      details: { lines, ...(release ? { release } : {}), ...(head ? { database: head } : {}) },
    };
  } finally {
    egress.close();
  }
}
