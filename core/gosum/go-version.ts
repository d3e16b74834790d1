/** Versions as golang.org/x/mod/semver and x/mod/module read them: `v` first, short forms `v1` and `v1.2` allowed. */

interface ParsedVersion {
  readonly numbers: readonly [string, string, string];
  /** Without the `-`; `''` when there is none. */
  readonly prerelease: string;
  /** Without the `+`. */
  readonly build: string;
}

const NUMBER = '(0|[1-9][0-9]*)';
const PATTERN = new RegExp(
  `^v${NUMBER}(?:\\.${NUMBER}(?:\\.${NUMBER}(?:-([0-9A-Za-z.-]+))?(?:\\+([0-9A-Za-z.-]+))?)?)?$`,
);
const PSEUDO =
  /^v[0-9]+\.(?:0\.0-|\d+\.\d+-(?:[^+]*\.)?0\.)\d{14}-[A-Za-z0-9]+(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$/;
const MAX_LENGTH = 255;

const isNumeric = (identifier: string) => /^[0-9]+$/.test(identifier);
const badPrerelease = (identifier: string) => identifier === '' || /^0[0-9]+$/.test(identifier);

function parse(version: string): ParsedVersion | undefined {
  if (version.length > MAX_LENGTH) return undefined;
  const match = PATTERN.exec(version);
  if (!match) return undefined;
  const [, major = '', minor = '0', patch = '0', prerelease, build] = match;
  if (prerelease?.split('.').some(badPrerelease) || build?.split('.').includes('')) return undefined;
  return { numbers: [major, minor, patch], prerelease: prerelease ?? '', build: build ?? '' };
}

/** Full form without build metadata, save `+incompatible` (`module.CanonicalVersion`); `undefined`: no version. */
export function canonicalVersion(version: string): string | undefined {
  const parsed = parse(version);
  if (!parsed) return undefined;
  const prerelease = parsed.prerelease === '' ? '' : `-${parsed.prerelease}`;
  const build = parsed.build === 'incompatible' ? '+incompatible' : '';
  return `v${parsed.numbers.join('.')}${prerelease}${build}`;
}

export const isCanonicalVersion = (version: string): boolean => canonicalVersion(version) === version;

/** `v1`, or `undefined` for what is no version. */
export const majorOf = (version: string): string | undefined => {
  const parsed = parse(version);
  return parsed && `v${parsed.numbers[0]}`;
};

export const isIncompatible = (version: string): boolean => parse(version)?.build === 'incompatible';

/** A version that go made of a commit: `…-<14 digits>-<12 hex>`. */
export const isPseudoVersion = (version: string): boolean =>
  version.split('-').length > 2 && PSEUDO.test(version) && parse(version) !== undefined;

export type Order = -1 | 0 | 1;
export const orderOf = <T extends string | number>(a: T, b: T): Order => (a === b ? 0 : a < b ? -1 : 1);
/** Of digits, however many. */
export const compareNumbers = (a: string, b: string): Order => orderOf(a.length, b.length) || orderOf(a, b);

function compareIdentifiers(a: string, b: string): Order {
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(a, b);
  // Numbers come before words.
  return isNumeric(a) === isNumeric(b) ? orderOf(a, b) : isNumeric(a) ? -1 : 1;
}

function comparePrereleases(a: string, b: string): Order {
  if (a === b) return 0;
  if (a === '' || b === '') return a === '' ? 1 : -1;
  const left = a.split('.');
  const right = b.split('.');
  for (const [at, identifier] of left.entries()) {
    const other = right[at];
    if (other === undefined) return 1;
    const order = compareIdentifiers(identifier, other);
    if (order !== 0) return order;
  }
  return -1;
}

/** Semantic precedence (`semver.Compare`): build metadata does not count; what is no version comes first. */
export function compareVersions(a: string, b: string): Order {
  const left = parse(a);
  const right = parse(b);
  if (!left || !right) return left ? 1 : right ? -1 : 0;
  for (const [at, number] of left.numbers.entries()) {
    const order = compareNumbers(number, right.numbers[at] ?? '');
    if (order !== 0) return order;
  }
  return comparePrereleases(left.prerelease, right.prerelease);
}
