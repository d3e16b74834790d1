import { ModuleVersion } from '../brands.ts';
import { isTagName } from '../git/refs.ts';
import { isCanonicalVersion, isIncompatible, isPseudoVersion, majorOf } from '../gosum/go-version.ts';
import { matchesPathMajor, splitPathVersion } from '../gosum/module-path.ts';

/** What a tag of a Go module repository says: `vX.Y.Z` at the root, `<dir>/vX.Y.Z` for the module in that folder. */
export interface ReleaseTag {
  /** `''` is the root. */
  readonly directory: string;
  readonly version: ModuleVersion;
  /** `v1`. */
  readonly major: string;
}

/** `undefined` when the go command would not take the tag for a module version. */
export function parseReleaseTag(tag: string): ReleaseTag | undefined {
  const slash = tag.lastIndexOf('/');
  const version = tag.slice(slash + 1);
  const major = majorOf(version);
  // A tag gives no build metadata (`+incompatible` is the go command's word), and pseudo-versions are of untagged commits.
  const isRelease = isCanonicalVersion(version) && !isIncompatible(version) && !isPseudoVersion(version);
  if (!major || !isRelease || !isTagName(tag)) return undefined;
  return { directory: tag.slice(0, Math.max(slash, 0)), version: ModuleVersion.parse(version), major };
}

/** Whether a release of this tag may be of the module `path`: its major version, and below the tag's folder. */
export function fitsModulePath({ directory, version }: ReleaseTag, path: string): boolean {
  const parts = splitPathVersion(path);
  return (
    parts !== undefined &&
    matchesPathMajor(version, parts.major) &&
    (directory === '' || parts.prefix.endsWith(`/${directory}`))
  );
}

/**
 * What a proposed change would be as a version of a module: nobody tagged it, so it gets the version that the go command
 * has for what has no time, of the major version that the module's path asks for.
 */
export function changeVersion(modulePath: string, commit: string): ModuleVersion {
  const suffix = splitPathVersion(modulePath)?.major.replace(/-unstable$/, '') ?? '';
  const major = suffix === '' ? 'v0' : suffix.slice(1);
  return ModuleVersion.parse(`${major}.0.0-00010101000000-${commit.slice(0, 12)}`);
}
