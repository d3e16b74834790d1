import type { ModulePath, ModuleVersion } from '../brands.ts';
import { isIncompatible, majorOf } from '../gosum/go-version.ts';
import { matchesPathMajor, splitPathVersion } from '../gosum/module-path.ts';
import { parsePseudoVersion } from './pseudo-version.ts';
import { hasPathPrefix, type RepositoryRoot } from './repository-root.ts';

/** Where a module lies in its repository: the rules of the go command's `codeRepo`. */
export interface ModulePlace {
  readonly path: ModulePath;
  /** Folder by the path; the folder of a major version may lie below it. `''` is the root. */
  readonly directory: string;
  /** `/v2`, `.v2` of gopkg.in, or `''`. */
  readonly major: string;
  /** The repository is the module's whole path, its major version included. */
  readonly isRoot: boolean;
}

const joined = (...parts: readonly string[]) => parts.filter((part) => part !== '').join('/');
const without = (version: string) => version.replace(/\+incompatible$/, '');

/** `undefined`: no module of this path can lie in a repository of this root. */
export function modulePlaceOf(path: ModulePath, { root, subdirectory }: RepositoryRoot): ModulePlace | undefined {
  const parts = splitPathVersion(path);
  if (!parts || !hasPathPrefix(path, root)) return undefined;
  const isRoot = root === path;
  if (!isRoot && !hasPathPrefix(parts.prefix, root)) return undefined;
  const below = isRoot ? '' : parts.prefix.slice(root.length + 1);
  const elements = subdirectory.split('/').filter((element) => element !== '' && element !== '.');
  if (elements.includes('..') || /^[/-]/.test(subdirectory)) return undefined;
  return { path, directory: joined(below, ...elements), major: parts.major, isRoot };
}

/** The tag of a version. */
export const tagOf = ({ directory }: ModulePlace, version: string): string => joined(directory, without(version));

/** The version of a tag in this module's folder, without `+incompatible`. */
export const versionOf = ({ directory }: ModulePlace, tag: string): string | undefined => {
  const prefix = directory === '' ? '' : `${directory}/`;
  return tag.startsWith(prefix) ? tag.slice(prefix.length) : undefined;
};

/** Bytes of a file of the version's tree. */
type ReadFile = (path: string) => Uint8Array | undefined;

/** What follows `module` in a go.mod, read line by line: the file may be older than any rule of its syntax. */
export function modulePathOf(goMod: Uint8Array): string {
  for (const line of new TextDecoder().decode(goMod).split('\n')) {
    const [, text] = /^module\s+(\S.*)$/.exec((line.split('//', 1)[0] ?? '').trim()) ?? [];
    if (text === undefined) continue;
    const quoted = /^(?:"([^"\\]*)"|`([^`]*)`)$/.exec(text);
    if (quoted) return quoted[1] ?? quoted[2] ?? '';
    return /^["`]/.test(text) ? '' : text;
  }
  return '';
}

const majorPrefix = (major: string) => major.replace(/^[/.]/, '').replace(/-unstable$/, '');

/** Whether a go.mod's own path allows the versions of a path with this suffix; a fork may have another path. */
function allowsMajor(modulePath: string, major: string): boolean {
  const parts = modulePath === '' ? undefined : splitPathVersion(modulePath);
  if (!parts) return false;
  if (major === '') return ['', 'v0', 'v1'].includes(majorPrefix(parts.major));
  return parts.major !== '' && parts.major.slice(1) === major.slice(1);
}

export interface FoundModule {
  readonly directory: string;
  /** Absent where the repository has none and needs none. */
  readonly goMod?: Uint8Array;
}

/**
 * The folder that holds the module: that of its path, or the one of its major version in it, and not both. `undefined`:
 * the tree holds no such module.
 */
export function findModule({ directory, major, isRoot }: ModulePlace, read: ReadFile): FoundModule | undefined {
  const goMod = read(joined(directory, 'go.mod'));
  const own = goMod && modulePathOf(goMod);
  // An old bug let forks without a suffix stand in for gopkg.in paths.
  const fits = own !== undefined && (allowsMajor(own, major) || (major === '' && own.startsWith('gopkg.in/')));
  if (major.startsWith('/') && !isRoot) {
    const folder = joined(directory, major.slice(1));
    const other = read(joined(folder, 'go.mod'));
    const otherFits = other !== undefined && allowsMajor(modulePathOf(other), major);
    if (other && (!otherFits || fits)) return undefined;
    if (other) return { directory: folder, goMod: other };
  }
  if (goMod) return fits ? { directory, goMod } : undefined;
  return directory === '' && !major.startsWith('/') ? { directory } : undefined;
}

/** Whether the version may be of this module: its major version is that of the path, or `+incompatible` and no go.mod. */
export function allowsVersion(place: ModulePlace, version: ModuleVersion, read: ReadFile): boolean {
  const { directory, major } = place;
  const pseudo = parsePseudoVersion(version);
  // Without an earlier tag a path that has no suffix begins at v0.
  if (pseudo?.base === '' && major === '' && majorOf(version) === 'v1') return false;
  if (matchesPathMajor(without(version), major)) return !isIncompatible(version);
  return isIncompatible(version) && directory === '' && major === '' && read('go.mod') === undefined;
}
