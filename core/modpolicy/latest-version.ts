import { compareVersions, isIncompatible, isPseudoVersion } from '../gosum/go-version.ts';
import { timeOfPseudoVersion } from './pseudo-version-time.ts';

/** Which version the go command takes for the latest of a module (`cmd/go`, query.go): the one that speaks for all. */

const isPrerelease = (version: string): boolean => /^v[0-9.]+-/.test(version);
const order = (a: string, b: string): number => compareVersions(a, b) || (a < b ? -1 : a > b ? 1 : 0);

/**
 * The highest release of a list, or its highest pre-release when it has no release; `undefined` for an empty list.
 * Versions without a go.mod (`+incompatible`) count only when the version below them has none of its own either:
 * `hasGoMod` is asked about that one.
 */
export async function latestOfList(
  versions: readonly string[],
  hasGoMod: (version: string) => Promise<boolean>,
): Promise<string | undefined> {
  const sorted = versions.filter((version) => !isPseudoVersion(version)).sort(order);
  const first = sorted.findIndex(isIncompatible);
  // The version before the first of them is asked, as the go command does: what comes behind has a higher major version.
  const before = first > 0 ? sorted[first - 1] : undefined;
  const candidates = before !== undefined && (await hasGoMod(before)) ? sorted.slice(0, first) : sorted;
  return candidates.findLast((version) => !isPrerelease(version)) ?? candidates.at(-1);
}

/**
 * The newest of the commits that a list names, for a source that has no `@latest`: by the time beside it, or by that of
 * its pseudo-version.
 */
export function newestListedCommit(list: string): string | undefined {
  let newest: { version: string; time: number } | undefined;
  for (const row of list.split('\n')) {
    const [version = '', written] = row.trim().split(/\s+/);
    const ofCommit = isPseudoVersion(version) ? timeOfPseudoVersion(version) : undefined;
    const time = written === undefined ? ofCommit : Date.parse(written);
    if (time !== undefined && compareVersions(version, '') > 0 && time > (newest?.time ?? 0))
      newest = { version, time };
  }
  return newest?.version;
}
