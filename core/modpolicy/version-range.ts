import { compareVersions, isCanonicalVersion } from '../gosum/go-version.ts';

/** Version ranges of a policy: terms that must all hold, `>=v1.0.0 <v1.2.0`; a term without an operator is that version. */

const TERM = /^(>=|<=|>|<|=)?(v.+)$/;

interface Term {
  readonly operator: string;
  readonly version: string;
}

function termsOf(range: string): readonly Term[] | undefined {
  const terms = range
    .trim()
    .split(/\s+/)
    .map((text) => {
      const [, operator = '=', version = ''] = TERM.exec(text) ?? [];
      return { operator, version };
    });
  return terms.every(({ version }) => isCanonicalVersion(version)) ? terms : undefined;
}

export const isVersionRange = (text: string): boolean => termsOf(text) !== undefined;

function holds({ operator, version }: Term, found: string): boolean {
  const order = compareVersions(found, version);
  if (operator === '=') return order === 0;
  return (order === 0 && operator.endsWith('=')) || (operator.startsWith('<') ? order < 0 : order > 0);
}

/** Whether a version lies in one of the ranges; without any, every version does. What is no range holds nothing. */
export const inVersionRanges = (ranges: readonly string[] | undefined, version: string): boolean =>
  ranges === undefined || ranges.some((range) => termsOf(range)?.every((term) => holds(term, version)) ?? false);
