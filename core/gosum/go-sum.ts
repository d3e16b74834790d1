import { H1Digest, ModulePath, ModuleVersion } from '../brands.ts';
import type { Refusal } from '../verdict.ts';
import { isCanonicalVersion } from './go-version.ts';
import { modulePathProblem } from './module-path.ts';

/** One line of go.sum. `zip` is the module's tree, `go.mod` its go.mod file alone. */
export interface GoSumLine {
  readonly module: ModulePath;
  readonly version: ModuleVersion;
  readonly kind: 'zip' | 'go.mod';
  readonly h1: H1Digest;
  /** Counted from 1. */
  readonly line: number;
}

export interface GoSumFile {
  /** In the order of the file; one for each (module, version, kind). */
  readonly lines: readonly GoSumLine[];
  /** Malformed, conflicting and unknown lines, in the order of the file. */
  readonly problems: readonly Refusal[];
}

/** Hash of a 0-byte go.mod: an old bug of the go command wrote such lines, and it drops them when it reads. */
const EMPTY_GO_MOD = 'h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY=';
const GO_MOD_SUFFIX = '/go.mod';
const MAX_LINES = 200_000;
const MAX_SHOWN = 256;

const shown = (text: string) => JSON.stringify(text.slice(0, MAX_SHOWN));
const malformed = (line: number, expected: string, found: string): Refusal => ({
  code: 'gosum.malformed',
  where: `go.sum:${line}`,
  expected,
  found,
  fix: 'Restore go.sum from version control, or run `go mod tidy` and review the change.',
});

export const goSumKey = (module: string, version: string, kind: GoSumLine['kind']): string =>
  `${module} ${version}${kind === 'zip' ? '' : GO_MOD_SUFFIX}`;

/** `undefined`: a line that is rightly left out; a refusal: one that is wrong. */
function parseLine(text: string, line: number): GoSumLine | Refusal | undefined {
  // The go command splits at any white space; other than blanks and tabs there is none in a line that it writes.
  const fields = text.split(/[ \t\r\v\f]+/).filter((field) => field !== '');
  if (fields.length === 0) return undefined;
  const [module = '', versionField = '', hash = ''] = fields;
  if (fields.length !== 3) return malformed(line, 'three fields: module, version, hash', `${fields.length} fields`);
  const kind = versionField.endsWith(GO_MOD_SUFFIX) ? 'go.mod' : 'zip';
  const version = kind === 'zip' ? versionField : versionField.slice(0, -GO_MOD_SUFFIX.length);
  if (modulePathProblem(module) !== undefined) return malformed(line, 'a module path', shown(module));
  if (!isCanonicalVersion(version)) return malformed(line, 'a canonical version', shown(versionField));
  if (!hash.startsWith('h1:'))
    return {
      ...malformed(line, 'an h1: hash', shown(hash)),
      code: 'gosum.algorithm-unknown',
      fix: 'Remove the line: no hash but h1 is known, so it can prove nothing.',
    };
  const h1 = H1Digest.safeParse(hash);
  if (!h1.success || Buffer.from(hash.slice(3), 'base64').toString('base64') !== hash.slice(3))
    return malformed(line, 'h1: and the base64 of 32 bytes', shown(hash));
  if (kind === 'go.mod' && hash === EMPTY_GO_MOD) return undefined;
  return { module: ModulePath.parse(module), version: ModuleVersion.parse(version), kind, h1: h1.data, line };
}

/**
 * Reads go.sum more strictly than the go command, which takes the first of two hashes for one key: a second one that
 * differs is tampering. A line that is merely repeated is dropped.
 */
export function parseGoSum(text: string): GoSumFile {
  const rows = text.split('\n');
  if (rows.length > MAX_LINES)
    return { lines: [], problems: [malformed(MAX_LINES, `at most ${MAX_LINES} lines`, `${rows.length} lines`)] };
  const byKey = new Map<string, GoSumLine>();
  const problems: Refusal[] = [];
  for (const [at, row] of rows.entries()) {
    const parsed = parseLine(row, at + 1);
    if (!parsed) continue;
    if ('code' in parsed) {
      problems.push(parsed);
      continue;
    }
    const key = goSumKey(parsed.module, parsed.version, parsed.kind);
    const first = byKey.get(key);
    if (!first) byKey.set(key, parsed);
    else if (first.h1 !== parsed.h1)
      problems.push({
        code: 'gosum.conflict',
        where: `go.sum:${parsed.line}`,
        expected: `${key} ${first.h1} (go.sum:${first.line})`.slice(0, 1024),
        found: parsed.h1,
        fix: 'Keep the line that the checksum database holds; find out how the other came in.',
      });
  }
  return { lines: [...byKey.values()], problems };
}
