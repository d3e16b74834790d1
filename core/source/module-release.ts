import type { H1Digest } from '../brands.ts';
import { ModulePath, type ModuleVersion } from '../brands.ts';
import type { FetchConfig } from '../config.ts';
import { sha256Hex } from '../evidence.ts';
import { archivedFiles } from '../git/archive.ts';
import { h1OfFiles, h1OfGoMod } from '../gosum/dirhash.ts';
import { type GoModFile, parseGoMod } from '../gosum/go-mod.ts';
import { modulePathProblem } from '../gosum/module-path.ts';
import type { SourceFile } from '../ports/source-host.ts';
import type { Refusal } from '../verdict.ts';
import { moduleTree } from './module-tree.ts';
import { changeVersion, fitsModulePath, type ReleaseTag } from './release-tag.ts';
import { below, folderOf, nameOf } from './tree-path.ts';

/** The module a tag releases, or a change would, and what it hashes to. */
export interface ModuleRelease {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  /** Folder of its go.mod in the tree; `''` is the root. */
  readonly directory: string;
  /** Number of files in its zip. */
  readonly files: number;
  readonly zipH1: H1Digest;
  readonly goModH1: H1Digest;
  readonly goMod: Uint8Array;
  readonly goSum?: Uint8Array;
}

interface NoModule {
  readonly kind: 'refused';
  readonly reasons: readonly Refusal[];
}
export type ModuleReleaseOutcome = { readonly kind: 'found'; readonly module: ModuleRelease } | NoModule;
export type ChangedModulesOutcome =
  /** `skipped`: modules that nobody could fetch by their path, so that no release is ever made of them. */
  | { readonly kind: 'found'; readonly modules: readonly ModuleRelease[]; readonly skipped: readonly Refusal[] }
  | NoModule;

/** A tree of bad names is refused by the first of them. */
const SHOWN_REFUSALS = 1000;
const GO_SUM_BYTES = 64 * 1024 * 1024;
const GO_MOD_BYTES = 16 * 1024 * 1024;
/** Each is checked by itself, and what is known of the tree is kept with each. */
const MAX_CHANGED_MODULES = 50;
/** Folders that the go command's patterns leave out, and copies of others' modules. */
const LEFT_OUT = /(?:^|\/)(?:[_.][^/]*|testdata|vendor)\//;

const refused = (...reasons: Refusal[]) => ({ kind: 'refused', reasons }) as const;

interface Candidate {
  readonly directory: string;
  readonly place: string;
  readonly bytes: Uint8Array;
  readonly file: GoModFile;
}

/** A go.mod of the tree, read strictly. */
function readGoMod({ path: place, bytes }: SourceFile): Candidate | Refusal {
  const directory = folderOf(place);
  const fix = 'Correct the file: `go mod edit -fmt` names the same line.';
  if (bytes.length > GO_MOD_BYTES)
    return { code: 'source.too-large', where: place, found: `${bytes.length} bytes`, fix: 'Shorten the file.' };
  const parsed = parseGoMod(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  if (parsed.kind === 'parsed') return { directory, place, bytes, file: parsed.file };
  const { line, column, expected, found } = parsed.problem;
  return { code: 'gomod.malformed', where: `${place}:${line}:${column}`, expected, found, fix };
}

const fits = (tag: ReleaseTag, fetch: FetchConfig, path: string): boolean =>
  modulePathProblem(path) === undefined &&
  (fetch.kind === 'module-proxy' ? path === fetch.module : true) &&
  fitsModulePath(fetch.kind === 'module-proxy' ? { ...tag, directory: '' } : tag, path);

/**
 * Finds the module as the go command does (`codeRepo.findDir`): one go.mod whose path fits the tag, in the tag's folder
 * or in the folder of its major version (`v2`), and not in both.
 */
function findGoMod(tree: readonly SourceFile[], tag: ReleaseTag, fetch: FetchConfig): Candidate | Refusal {
  const { directory, major, version } = tag;
  const ofMajor = major === 'v0' || major === 'v1' ? [] : [below(directory, major)];
  // A module zip is the tree of the module alone, whatever folder it has in its repository.
  const folders = fetch.kind === 'module-proxy' ? [''] : [directory, ...ofMajor];
  const candidates: Candidate[] = [];
  for (const folder of folders) {
    const goMod = tree.find(({ path }) => path === below(folder, 'go.mod'));
    const candidate = goMod && readGoMod(goMod);
    if (candidate && 'code' in candidate) return candidate;
    if (candidate) candidates.push(candidate);
  }
  const [first] = candidates;
  if (!first)
    return {
      code: 'source.no-go-mod',
      where: below(folders[0] ?? '', 'go.mod'),
      fix: 'Add a go.mod: a release is a Go module, and this tag names no folder that holds one.',
    };
  const [fitting, second] = candidates.filter(({ file }) => fits(tag, fetch, file.module));
  if (fitting && !second) return fitting;
  return {
    code: 'source.module-mismatch',
    where: (second ?? first).place,
    expected: fetch.kind === 'module-proxy' ? `module ${fetch.module}` : `one module path that fits the tag`,
    found: second ? `${first.place} and ${second.place}` : `module ${first.file.module}`.slice(0, 1024),
    fix: `Make the module line agree with the tag: ${version} needs a path of major version ${major}, below the tag's folder.`,
  };
}

/** What the module's zip holds. One that a proxy serves was made by the rules of its own day: it is taken as it is. */
function zipFiles(tree: readonly SourceFile[], { directory, file }: Candidate, fetch: FetchConfig) {
  if (fetch.kind === 'module-proxy') return { files: tree, refusals: [] };
  const archived = archivedFiles(tree, (path) => directory === '' || path.startsWith(`${directory}/`));
  return moduleTree(archived, directory, file.go);
}

/** Hashes the module of one go.mod, as the zip that the go command would make of it. */
function hashed(
  tree: readonly SourceFile[],
  candidate: Candidate,
  version: ModuleVersion,
  fetch: FetchConfig,
): ModuleReleaseOutcome {
  const { directory, bytes, file } = candidate;
  const { files, refusals } = zipFiles(tree, candidate, fetch);
  if (refusals.length > 0) return refused(...refusals.slice(0, SHOWN_REFUSALS));
  const goSum = files.find(({ path }) => path === 'go.sum')?.bytes;
  if (goSum && goSum.length > GO_SUM_BYTES)
    return refused({
      code: 'source.too-large',
      where: below(directory, 'go.sum'),
      found: `${goSum.length} bytes`,
      fix: 'Run `go mod tidy`.',
    });
  const path = ModulePath.parse(file.module);
  const prefix = `${path}@${version}/`;
  const module: ModuleRelease = {
    path,
    version,
    directory,
    files: files.length,
    zipH1: h1OfFiles(files.map((each) => ({ name: `${prefix}${each.path}`, sha256: sha256Hex(each.bytes) }))),
    goModH1: h1OfGoMod(bytes),
    goMod: bytes,
    ...(goSum ? { goSum } : {}),
  };
  return { kind: 'found', module };
}

/** Finds and hashes the module of a tag in the tree of its commit (or, of a module proxy, in its zip). */
export function releaseOf(tree: readonly SourceFile[], tag: ReleaseTag, fetch: FetchConfig): ModuleReleaseOutcome {
  const found = findGoMod(tree, tag, fetch);
  return 'code' in found ? refused(found) : hashed(tree, found, tag.version, fetch);
}

const unfetchable = ({ place, file }: Candidate): Refusal => ({
  code: 'source.module-mismatch',
  where: place,
  expected: 'a module path that can be fetched',
  found: `module ${file.module}`.slice(0, 1024),
  fix: 'Name the module by where it is fetched from, as host/owner/repository/folder.',
});

const noGoMod: Refusal = {
  code: 'source.no-go-mod',
  where: 'go.mod',
  fix: 'Add a go.mod: what is checked are the Go modules of the repository.',
};

/** Finds and hashes every module of a change's tree, in the order of their folders. */
export function changedModules(tree: readonly SourceFile[], commit: string, fetch: FetchConfig): ChangedModulesOutcome {
  const goMods = tree.filter(({ path }) => nameOf(path) === 'go.mod' && !LEFT_OUT.test(path));
  if (goMods.length > MAX_CHANGED_MODULES)
    return refused({
      code: 'source.too-many-modules',
      where: goMods[MAX_CHANGED_MODULES]?.path ?? 'go.mod',
      expected: `at most ${MAX_CHANGED_MODULES} modules`,
      found: `${goMods.length}`,
      fix: 'Keep modules that are released apart in repositories of their own.',
    });
  const modules: ModuleRelease[] = [];
  const [reasons, skipped]: [Refusal[], Refusal[]] = [[], []];
  for (const goMod of goMods.toSorted((a, b) => (folderOf(a.path) < folderOf(b.path) ? -1 : 1))) {
    const candidate = readGoMod(goMod);
    if ('code' in candidate) reasons.push(candidate);
    else if (modulePathProblem(candidate.file.module) !== undefined) skipped.push(unfetchable(candidate));
    else {
      const made = hashed(tree, candidate, changeVersion(candidate.file.module, commit), fetch);
      if (made.kind === 'found') modules.push(made.module);
      else reasons.push(...made.reasons);
    }
  }
  if (reasons.length > 0) return refused(...reasons);
  if (modules.length === 0) return refused(...(skipped.length > 0 ? skipped : [noGoMod]));
  return { kind: 'found', modules, skipped };
}
