import { tmpdir } from 'node:os';
import type { ModulePath } from '../../core/brands.ts';
import { ModuleVersion } from '../../core/brands.ts';
import { matchGoImport, parseGoImports, sameImport } from '../../core/direct/go-import.ts';
import {
  allowsVersion,
  type FoundModule,
  findModule,
  type ModulePlace,
  modulePlaceOf,
} from '../../core/direct/module-place.ts';
import { knownRoot, type RepositoryRoot } from '../../core/direct/repository-root.ts';
import { zipPieces } from '../../core/direct/zip-writer.ts';
import { Fault, isFault } from '../../core/faults.ts';
import { archivedFiles } from '../../core/git/archive.ts';
import { parseDependencyGoMod } from '../../core/gosum/go-mod.ts';
import { compareVersions, isCanonicalVersion, isPseudoVersion } from '../../core/gosum/go-version.ts';
import { matchesPathMajor, modulePathProblem } from '../../core/gosum/module-path.ts';
import type { ListedVersions, ModuleIndex, ModuleSource, VersionFacts } from '../../core/ports/module-source.ts';
import type { SourceFile } from '../../core/ports/source-host.ts';
import { moduleTree } from '../../core/source/module-tree.ts';
import { type Egress, NetworkFailure } from './egress.ts';
import { openRevision, type Revision } from './git-revision-helper.ts';
import { type GitRemoteOptions, openGitRemote } from './git-smart-http-helper.ts';
import { MAX_GO_MOD_BYTES, saveZip } from './module-file-helper.ts';

const PAGE_LIMITS = { maxBytes: 1024 * 1024, timeoutMs: 30_000 };

export interface DirectModulesOptions {
  /** Shows hosts the credentials they need. */
  readonly egress: Egress;
  /** The module proxy that a page names for its path (`mod`); such paths cannot be read without it. */
  readonly proxyAt?: (base: string) => ModuleSource & ModuleIndex;
  /** Where zips lie while they are read; default: the system's folder for temporary files. */
  readonly temporaryFolder?: string;
}

const unreachable = (message: string, cause?: unknown) => new Fault('ModuleProxyUnreachable', message, { cause });

/** To whoever reads modules, an origin and a proxy that cannot be read are the same. */
async function asModules<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (isFault(error, 'SourceUnreachable') || error instanceof NetworkFailure)
      throw unreachable(`direct: ${error.message}`, error);
    throw error;
  }
}

/** What the page of a path says of repositories; any answer may say it, as to the go command. */
async function goImports(egress: Egress, path: string): Promise<readonly RepositoryRoot[]> {
  const [host = '', ...elements] = path.split('/');
  const response = await egress.request({
    url: new URL(`https://${host}/${elements.join('/')}?go-get=1`),
    ...PAGE_LIMITS,
  });
  const imports = parseGoImports(new TextDecoder().decode(await response.bytes()));
  const { status } = response;
  if (imports.length === 0 && status !== 200 && status !== 404 && status !== 410)
    throw unreachable(`direct: ${host} answered ${status}`);
  return imports;
}

/** Asks a path's host for its repository, and the root's own page whether it agrees. */
async function askRoot(egress: Egress, path: string): Promise<RepositoryRoot | undefined> {
  const found = matchGoImport(await goImports(egress, path), path);
  if (!found || found.root === path) return found;
  const confirmed = matchGoImport(await goImports(egress, found.root), path);
  if (!sameImport(found, confirmed))
    throw unreachable(`direct: the pages of ${path} and ${found.root} disagree on its repository`);
  return found;
}

async function rootOf(egress: Egress, path: ModulePath): Promise<RepositoryRoot | undefined> {
  if (modulePathProblem(path) !== undefined) throw new Fault('InputInvalid', 'a path that no module can have');
  const known = knownRoot(path);
  if (known === 'invalid') return undefined;
  return known === 'unknown' ? askRoot(egress, path) : known;
}

/** Where a module is read: a repository, or the proxy that its page names. */
type Origin =
  | { readonly kind: 'git'; readonly place: ModulePlace; readonly remote: GitRemoteOptions }
  | { readonly kind: 'proxy'; readonly modules: ModuleSource & ModuleIndex };

async function originOf(options: DirectModulesOptions, path: ModulePath): Promise<Origin | undefined> {
  const { egress, proxyAt } = options;
  const root = await rootOf(egress, path);
  if (!root) return undefined;
  if (root.vcs === 'mod') {
    if (!proxyAt) throw unreachable(`direct: ${path} is served by a module proxy only`);
    return { kind: 'proxy', modules: proxyAt(root.url) };
  }
  if (root.vcs !== 'git') throw unreachable(`direct: repositories of ${root.vcs.slice(0, 32)} are not read`);
  const url = URL.canParse(root.url) ? new URL(root.url) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw unreachable(`direct: the repository of ${path} is not reached by https`);
  const place = modulePlaceOf(path, root);
  return place && { kind: 'git', place, remote: { egress, url } };
}

interface DirectModule extends FoundModule {
  readonly revision: Revision;
}

/** A module version in its repository; `undefined` when the repository has none such. */
async function readModule(
  remote: GitRemoteOptions,
  place: ModulePlace,
  version: ModuleVersion,
): Promise<DirectModule | undefined> {
  if (!isCanonicalVersion(version)) return undefined;
  const revision = await openRevision(remote, place, version);
  if (!revision) return undefined;
  const read = (path: string) => revision.files.find((file) => file.path === path)?.bytes;
  const found = allowsVersion(place, version, read) ? findModule(place, read) : undefined;
  return found && { ...found, revision };
}

/** The module's files as the go command zips them. Throws where it would make no zip of them. */
function zipFilesOf({ directory, revision }: DirectModule): readonly SourceFile[] {
  const prefix = directory === '' ? '' : `${directory}/`;
  const tree = archivedFiles(revision.files, (path) => path.startsWith(prefix));
  const goMod = tree.find(({ path }) => path === `${prefix}go.mod`)?.bytes;
  const parsed = goMod && parseDependencyGoMod(new TextDecoder().decode(goMod));
  const { files, refusals } = moduleTree(tree, directory, parsed?.kind === 'parsed' ? parsed.file.go : undefined);
  const [refusal] = refusals;
  if (refusal) throw unreachable(`direct: no zip can be made: ${refusal.code} ${refusal.where ?? ''}`);
  return files;
}

/** Versions by the tags of the module's folder, lowest first. */
async function tagVersions(remote: GitRemoteOptions, place: ModulePlace): Promise<ListedVersions | undefined> {
  const prefix = `refs/tags/${place.directory === '' ? '' : `${place.directory}/`}`;
  const opened = await openGitRemote(remote, [`${prefix}v`]);
  if (!opened) return undefined;
  const versions = opened.refs
    .map(({ name }) => name.slice(prefix.length))
    .filter((version) => isCanonicalVersion(version) && !version.includes('+') && !isPseudoVersion(version))
    .filter((version) => matchesPathMajor(version, place.major) && !place.major.endsWith('-unstable'))
    .sort(compareVersions);
  return {
    versions: versions.map((version) => ModuleVersion.parse(version)),
    bytes: Buffer.from(versions.map((version) => `${version}\n`).join('')),
  };
}

function factsOf(version: ModuleVersion, { revision }: DirectModule, url: string): VersionFacts {
  const { commit, committedAt, ref } = revision;
  const time = new Date(committedAt * 1000).toISOString().replace('.000Z', 'Z');
  const named = ref === undefined ? {} : { Ref: ref };
  const text = JSON.stringify({
    Version: version,
    Time: time,
    Origin: { VCS: 'git', URL: url, Hash: commit, ...named },
  });
  const origin = { vcs: 'git', url, hash: commit, ...(ref === undefined ? {} : { ref }) };
  return { version, time, origin, bytes: Buffer.from(text) };
}

/**
 * Modules from the repositories they are developed in, as `GOPROXY=direct`: git over HTTPS, without a git program. A path
 * is matched to its repository as the go command does; its host and that of the repository must be listed for egress.
 * `versions` leaves out those that need `+incompatible`, and `latest` is never answered.
 */
export function openDirectModules(options: DirectModulesOptions): ModuleSource & ModuleIndex {
  async function at<T>(
    path: ModulePath,
    proxied: (modules: ModuleSource & ModuleIndex) => Promise<T>,
    read: (remote: GitRemoteOptions, place: ModulePlace) => Promise<T>,
  ): Promise<T | undefined> {
    const origin = await originOf(options, path);
    if (!origin) return undefined;
    return origin.kind === 'proxy' ? proxied(origin.modules) : read(origin.remote, origin.place);
  }
  const goMod: ModuleSource['goMod'] = (path, version) =>
    at(
      path,
      (modules) => modules.goMod(path, version),
      async (remote, place) => {
        const found = await readModule(remote, place, version);
        const bytes = found && (found.goMod ?? Buffer.from(`module ${path}\n`));
        if (bytes && bytes.length > MAX_GO_MOD_BYTES) throw new Fault('LimitExceeded', `${path}: go.mod is too large`);
        return bytes;
      },
    );
  const zip: ModuleSource['zip'] = (path, version) =>
    at(
      path,
      (modules) => modules.zip(path, version),
      async (remote, place) => {
        const found = await readModule(remote, place, version);
        if (!found) return undefined;
        const files = zipFilesOf(found).map((file) => ({ name: `${path}@${version}/${file.path}`, bytes: file.bytes }));
        return saveZip(zipPieces(files), options.temporaryFolder ?? tmpdir());
      },
    );
  const info: ModuleIndex['info'] = (path, version) =>
    at(
      path,
      (modules) => modules.info(path, version),
      async (remote, place) => {
        const found = await readModule(remote, place, version);
        return found && factsOf(version, found, remote.url.href);
      },
    );
  return {
    goMod: (path, version) => asModules(goMod(path, version)),
    zip: (path, version) => asModules(zip(path, version)),
    info: (path, version) => asModules(info(path, version)),
    versions: (path) => asModules(at(path, (modules) => modules.versions(path), tagVersions)),
    latest: async () => undefined,
  };
}
