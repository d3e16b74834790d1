import { isIncompatible, majorOf } from './go-version.ts';

/** Module paths, their escaping and their patterns: the rules of golang.org/x/mod/module. */

const RESERVED_ON_WINDOWS = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])$/i;
const MODULE_ELEMENT = /^[A-Za-z0-9._~-]+$/;
const FILE_ELEMENT = /^[0-9!#$%&()+,\-.=@[\]^_{}~ \p{L}]+$/u;
const MAX_PATH = 1024;

function elementProblem(element: string, allowed: RegExp): string | undefined {
  if (element === '') return 'an empty path element';
  if (/^\.+$/.test(element)) return `the element "${element}"`;
  if (element.endsWith('.')) return 'a dot at the end of an element';
  if (!allowed.test(element)) return `a character that is not allowed in "${element}"`;
  const stem = element.split('.', 1)[0] ?? '';
  return RESERVED_ON_WINDOWS.test(stem) ? `the name "${stem}", reserved on Windows` : undefined;
}

function moduleElementProblem(element: string): string | undefined {
  if (element.startsWith('.')) return 'an element that begins with a dot';
  const problem = elementProblem(element, MODULE_ELEMENT);
  if (problem !== undefined) return problem;
  // Windows short names (`progra~1`).
  return /~[0-9]+$/.test(element.split('.', 1)[0] ?? '') ? 'a tilde and digits at the end of an element' : undefined;
}

/** Splits `/vN` (or `.vN` of gopkg.in) off a module path; `undefined` when its version suffix is malformed. */
export function splitPathVersion(path: string): { readonly prefix: string; readonly major: string } | undefined {
  if (path.startsWith('gopkg.in/')) {
    const match = /^(.+)(\.v(?:0|[1-9][0-9]*)(?:-unstable)?)$/.exec(path);
    return match ? { prefix: match[1] ?? '', major: match[2] ?? '' } : undefined;
  }
  const match = /^(.*)(\/v[0-9.]+)$/s.exec(path);
  if (!match) return { prefix: path, major: '' };
  const [, prefix = '', major = ''] = match;
  return /^\/v(?:[2-9]|[1-9][0-9]+)$/.test(major) ? { prefix, major } : undefined;
}

/** Why a path cannot be a module's (`module.CheckPath`); `undefined`: it can. */
export function modulePathProblem(path: string): string | undefined {
  if (path === '' || path.length > MAX_PATH) return 'a length outside 1 to 1024';
  const elements = path.split('/');
  const [host = ''] = elements;
  for (const element of elements) {
    const problem = moduleElementProblem(element);
    if (problem !== undefined) return problem;
  }
  if (!host.includes('.')) return 'no dot in the first element';
  if (!/^[a-z0-9.][a-z0-9.-]*$/.test(host)) return 'a first element that is no lower-case host name';
  return splitPathVersion(path) ? undefined : 'a malformed version suffix';
}

/** Whether a version may belong to a path with this suffix (`module.CheckPathMajor`). */
export function matchesPathMajor(version: string, pathMajor: string): boolean {
  const suffix = pathMajor.startsWith('.v') ? pathMajor.replace(/-unstable$/, '') : pathMajor;
  // An old bug made such pseudo-versions for gopkg.in paths.
  if (suffix === '.v1' && version.startsWith('v0.0.0-')) return true;
  const major = majorOf(version);
  if (suffix === '') return major === 'v0' || major === 'v1' || isIncompatible(version);
  return major === suffix.slice(1);
}

/** Why a name within a module zip is not allowed (`module.CheckFilePath`). */
export function filePathProblem(path: string): string | undefined {
  for (const element of path.split('/')) {
    const problem = elementProblem(element, FILE_ELEMENT);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

const escapeCapitals = (text: string) => text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`);

/** Path as the GOPROXY protocol spells it; `undefined` for what is no module path. */
export const escapeModulePath = (path: string): string | undefined =>
  modulePathProblem(path) === undefined ? escapeCapitals(path) : undefined;

/** Version as the GOPROXY protocol spells it; `undefined` where it is no file name. */
export const escapeModuleVersion = (version: string): string | undefined =>
  elementProblem(version, FILE_ELEMENT) === undefined && /^[\x20-\x7e]+$/.test(version) && !version.includes('!')
    ? escapeCapitals(version)
    : undefined;

/** One class of `path.Match`: the regular expression of `[…]`, or `undefined` when malformed. */
function classPattern(body: string): string | undefined {
  const negated = body.startsWith('^');
  const ranges = body.slice(negated ? 1 : 0);
  const unit = /(?:\\(.)|([^\\\]-]))(?:-(?:\\(.)|([^\\\]-])))?/gsuy;
  let pattern = '';
  let end = 0;
  for (const [whole, escapedLow, low, escapedHigh, high] of ranges.matchAll(unit)) {
    const from = escapedLow ?? low ?? '';
    const to = escapedHigh ?? high ?? from;
    if (to < from) return undefined;
    pattern += `${quoted(from)}-${quoted(to)}`;
    end += whole.length;
  }
  return end === ranges.length && end > 0 ? `[${negated ? '^' : ''}${pattern}]` : undefined;
}

const quoted = (char: string) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`;

/** `path.Match` of one element; a malformed pattern matches nothing. */
export function elementMatches(glob: string, element: string): boolean {
  const token = /\*|\?|\[((?:\\.|[^\\\]])+)\]|\\(.)|([^*?[\\])/gsuy;
  let pattern = '';
  let end = 0;
  for (const [whole, body, escaped, plain] of glob.matchAll(token)) {
    const part =
      whole === '*' ? '[^/]*' : whole === '?' ? '[^/]' : body ? classPattern(body) : quoted(escaped ?? plain ?? '');
    if (part === undefined) return false;
    // Runs of stars are one: nested quantifiers would make matching exponential.
    if (!(part === '[^/]*' && pattern.endsWith(part))) pattern += part;
    end += whole.length;
  }
  return end === glob.length && new RegExp(`^${pattern}$`, 'u').test(element);
}

/** Whether one pattern matches the path or a prefix of its elements (`module.MatchPrefixPatterns`, as GOPRIVATE). */
export function matchesPathPatterns(patterns: readonly string[], path: string): boolean {
  const elements = path.split('/');
  return patterns
    .map((pattern) => pattern.replace(/\/$/, ''))
    .filter((pattern) => pattern !== '')
    .some((pattern) => {
      const globs = pattern.split('/');
      return globs.length <= elements.length && globs.every((glob, at) => elementMatches(glob, elements[at] ?? ''));
    });
}

/**
 * Simple case folding, as `unicode.SimpleFold`: paths that differ in case only have the same. Characters whose other case
 * is longer, and dotless i, fold to themselves, so that a path keeps its length.
 */
export function foldOf(path: string): string {
  if (/^[\0-\x7f]*$/.test(path)) return path.toLowerCase();
  return [...path]
    .map((character) => {
      const upper = character.toUpperCase();
      const lower = (upper.length === character.length && character !== 'ı' ? upper : character).toLowerCase();
      return lower.length === character.length ? lower : character;
    })
    .join('');
}
