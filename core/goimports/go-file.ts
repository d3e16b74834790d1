import * as z from 'zod';
import { constraintText, couldHold, holds, parseConstraintText } from './constraint.ts';
import { readDirectives } from './directives.ts';
import { readHeaderConstraint } from './file-header.ts';
import { readHead } from './head.ts';
import { readImportSection } from './import-reader.ts';
import { type GoPlatform, isTagOf, tagsOfName } from './platform.ts';
import { unquote } from './quoted.ts';

/** What a build reads of one .go file without compiling it. */
export const GoFileFacts = z.strictObject({
  /** Name of the package clause; `''` when the file could not be read as Go: then `problem` says where. */
  package: z.string(),
  /** Unquoted, as written, no duplicates, in order. Of a file with a problem: what the go command would still find. */
  imports: z.array(z.string()),
  /**
   * Build constraint as the text of a `//go:build` line, `// +build` lines joined; a malformed one is `ignore`, which no
   * build fulfils. What the name of the file asks is not in here.
   */
  constraint: z.string().optional(),
  /** Patterns of `//go:embed`, unquoted. */
  embeds: z.array(z.string()),
  /** `#cgo` lines that name LDFLAGS. */
  cgo: z.array(z.string()),
  /** Number of `//go:linkname` directives. */
  linknames: z.int().nonnegative(),
  /** Why the go command would refuse the file. */
  problem: z.string().optional(),
});
export type GoFileFacts = z.infer<typeof GoFileFacts>;

/** Far above any real file; what is larger is not read. */
const MAX_BYTES = 64 * 1024 * 1024;
/** What stands before the first declaration; C code in a comment above `import "C"` is the longest there is. */
const MAX_HEAD_BYTES = 4 * 1024 * 1024;
const BYTE_ORDER_MARK = Buffer.of(0xef, 0xbb, 0xbf);
const UNREAD: GoFileFacts = { package: '', imports: [], embeds: [], cgo: [], linknames: 0 };

/** `#cgo LDFLAGS: -lm`, with conditions or without. */
const isLinkerLine = (line: string): boolean => {
  const [words = '', flags] = line.split(':', 2);
  return /^#cgo[ \t]/.test(line) && flags !== undefined && words.trim().split(/\s+/).at(-1) === 'LDFLAGS';
};

/**
 * Reads a Go file as far as the go command does before it compiles: leniently for the imports, strictly for `problem`.
 * Any bytes give an answer.
 */
export function readGoFile(bytes: Uint8Array): GoFileFacts {
  if (bytes.length > MAX_BYTES) return { ...UNREAD, problem: `more than ${MAX_BYTES} bytes` };
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const content = whole.subarray(0, 3).equals(BYTE_ORDER_MARK) ? whole.subarray(3) : whole;
  const section = readImportSection(content);
  const imports = [...new Set(section.literals.flatMap((literal) => unquote(literal) ?? []))];
  if (section.outcome === 'nul') return { ...UNREAD, imports, problem: 'a zero byte' };
  if (section.outcome === 'excess' || section.end > MAX_HEAD_BYTES)
    return { ...UNREAD, imports, problem: 'too many imports, or too much before the first declaration' };
  const bytesOfHead = content.subarray(0, section.end);
  const text = bytesOfHead.toString('utf8');
  const head = readHead(bytesOfHead, text);
  const header = readHeaderConstraint(text);
  const problem = head.problem ?? header.problem;
  const constraint = header.problem === undefined ? header.constraint && constraintText(header.constraint) : 'ignore';
  const { embeds, linknames } = readDirectives(content, problem === undefined && imports.includes('embed'));
  return {
    package: head.package,
    imports,
    ...(constraint === undefined ? {} : { constraint }),
    embeds: [...embeds],
    cgo: head.preamble.map((line) => line.trim()).filter(isLinkerLine),
    linknames,
    ...(problem === undefined ? {} : { problem }),
  };
}

/** Files that the go command passes over in every folder. */
const isPassedOver = (name: string) => !name.endsWith('.go') || name.startsWith('_') || name.startsWith('.');

/** Whether some build could take in a file with this constraint: every tag is true and false at once, but `ignore` false. */
export const couldBeBuilt = ({ constraint }: GoFileFacts): boolean =>
  constraint === undefined || couldHold(parseConstraintText(constraint));

/**
 * Whether the file counts, as test or not, when every tag is both true and false at once, except `ignore`, which is false:
 * the rule of `go mod tidy` and `go mod vendor`. What its name asks counts for nothing then.
 */
export const countsForAnyTags = (name: string, facts: GoFileFacts): boolean =>
  !isPassedOver(name) && couldBeBuilt(facts);

/** Whether it counts, as test or not, in builds for one platform. */
export function countsFor(name: string, { constraint, imports }: GoFileFacts, platform: GoPlatform): boolean {
  const isTrue = (tag: string) => isTagOf(platform, tag);
  if (isPassedOver(name) || !tagsOfName(name).every(isTrue)) return false;
  if (imports.includes('C') && !platform.cgo) return false;
  return constraint === undefined || holds(parseConstraintText(constraint), isTrue);
}
