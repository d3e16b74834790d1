import { compareGoVersions } from '../buildlist/module-order.ts';
import type { GoModFile } from '../gosum/go-mod.ts';

/** Versions of Go itself, as a policy and the go line write them: `1.22`, `1.22.3`, `1.23rc1`. */

const RELEASE = /^1\.(?:0|[1-9][0-9]{0,8})(?:\.(?:0|[1-9][0-9]{0,8}))?$/;
const CANDIDATE = /^1\.(?:0|[1-9][0-9]{0,8})(?:alpha|beta|rc)[1-9][0-9]{0,8}$/;

/** A release that is no candidate. */
export const isFinalGoRelease = (text: string): boolean => RELEASE.test(text);

export const isGoRelease = (text: string): boolean => isFinalGoRelease(text) || CANDIDATE.test(text);

/** Whether a version is the allowed one or one of its line: `1.22` covers `1.22.3` and not `1.22rc1`. */
export const coversGoRelease = (allowed: string, version: string): boolean =>
  allowed === version || (/^1\.\d+$/.test(allowed) && version.startsWith(`${allowed}.`) && isFinalGoRelease(version));

/** The first Go that fetches another one. */
const FETCHED_SINCE = '1.21rc1';

/** A version that Go was released as since it is fetched: not `1.22`, which is a language, nor one with a suffix of its own. */
export const isDownloadable = (version: string): boolean =>
  (/^1\.\d+\.\d+$/.test(version) ? isFinalGoRelease(version) : CANDIDATE.test(version)) &&
  compareGoVersions(version, FETCHED_SINCE) >= 0;

/** Languages since Go is fetched; their first release ends in `.0`, and that is what is fetched for them. */
const isFetchedLanguage = (version: string): boolean => /^1\.\d+$/.test(version) && isDownloadable(`${version}.0`);

/**
 * What the go command fetches to build this module where it is older: what the toolchain line names, else the release that
 * the go line names or begins with; without `go` in front. `undefined`: nothing.
 */
export function fetchedGoRelease({ go, toolchain }: Pick<GoModFile, 'go' | 'toolchain'>): string | undefined {
  if (toolchain !== undefined && toolchain !== 'default') return toolchain.slice('go'.length);
  if (go === undefined) return undefined;
  if (isDownloadable(go)) return go;
  return toolchain === undefined && isFetchedLanguage(go) ? `${go}.0` : undefined;
}
