import type { ModuleAt } from '../gosum/go-mod.ts';
import { compareNumbers, compareVersions, type Order, orderOf } from '../gosum/go-version.ts';

/** The order of versions in a build list: module versions, and the Go versions of the modules `go` and `toolchain`. */

/** A main module has no version; it is higher than every version of its path. */
export const MAIN_VERSION = '';

export const moduleKey = ({ path, version }: ModuleAt): string => `${path}@${version}`;

/** The two modules that exist only in the graph: what Go is needed, and by what toolchain. */
export const isToolchainModule = (path: string): boolean => path === 'go' || path === 'toolchain';

interface GoVersion {
  readonly numbers: readonly [string, string, string];
  readonly kind: string;
  readonly prerelease: string;
}

const NUMBER = '(0|[1-9][0-9]*)';
const GO_VERSION = new RegExp(`^${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER}|([a-z]+)${NUMBER}?)?)?$`);

function parseGoVersion(text: string): GoVersion | undefined {
  const match = GO_VERSION.exec(text);
  if (!match) return undefined;
  const [, major = '', minor, patch, kind = '', prerelease = ''] = match;
  // Up to 1.20 the first release had no `.0`; from 1.21 on `1.21` is the language, older than 1.21.0 and its candidates.
  const first = minor === undefined || (kind === '' && compareNumbers(minor, '21') < 0) ? '0' : '';
  return { numbers: [major, minor ?? '0', patch ?? first], kind, prerelease };
}

/** Order of Go versions (`1.21 < 1.21rc1 < 1.21.0`); what is none comes first. */
export function compareGoVersions(a: string, b: string): Order {
  const left = parseGoVersion(a);
  const right = parseGoVersion(b);
  if (!left || !right) return left ? 1 : right ? -1 : 0;
  for (const [at, number] of left.numbers.entries()) {
    const order = compareNumbers(number, right.numbers[at] ?? '');
    if (order !== 0) return order;
  }
  return orderOf(left.kind, right.kind) || compareNumbers(left.prerelease, right.prerelease);
}

/** `1.21.3` of `go1.21.3-custom`; as it is where it is no toolchain's name. */
const goVersionOf = (toolchain: string): string =>
  parseGoVersion(toolchain) ? toolchain : (/^go([^ \t/\\-]*)(?:[ \t-][^/\\]*)?$/.exec(toolchain)?.[1] ?? '');

export function compareModuleVersions(path: string, a: string, b: string): Order {
  if (a === MAIN_VERSION || b === MAIN_VERSION) return a === b ? 0 : a === MAIN_VERSION ? 1 : -1;
  if (path === 'go') return compareGoVersions(a, b);
  if (path === 'toolchain') return compareGoVersions(goVersionOf(a), goVersionOf(b));
  return compareVersions(a, b);
}

/** By path, then by version. */
export const compareModules = (a: ModuleAt, b: ModuleAt): number =>
  orderOf(a.path, b.path) || compareModuleVersions(a.path, a.version, b.version);
