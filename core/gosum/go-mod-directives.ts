import { wordsOf } from '../goimports/white-space.ts';
import { type Block, type Token, type TokenLine, tokenValue, unexpected } from './go-mod-lexer.ts';
import { canonicalVersion } from './go-version.ts';
import { matchesPathMajor, modulePathProblem, splitPathVersion } from './module-path.ts';

/** Readers of the directives of go.mod and go.work; each throws `GoModSyntaxError` at the place of the fault. */

export interface ModuleAt {
  readonly path: string;
  readonly version: string;
}

export interface Replacement {
  readonly path: string;
  /** Absent: every version. */
  readonly version?: string;
  readonly target:
    | ({ readonly kind: 'module' } & ModuleAt)
    | { readonly kind: 'directory'; readonly directory: string };
  readonly line: number;
}

export interface GodebugSetting {
  readonly key: string;
  readonly value: string;
}

/** One directive: its verb and what follows it. */
export interface Directive {
  readonly verb: Token;
  readonly values: readonly Token[];
  readonly line: TokenLine;
}

/** What a go line may say. */
export const GO_VERSION = /^[1-9][0-9]*\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))?(?:[a-z]+[0-9]+)?$/;
const LAX_GO_VERSION = /^v?([1-9][0-9]*\.(?:0|[1-9][0-9]*))[^0-9].*$/s;
const TOOLCHAIN = /^(?:default|go1(?:\..*)?)$/;

export const placeOf = (token: Token) => ({ line: token.line, column: token.column });
/** Just behind the last token: where something is missing. */
export const placeAfter = (token: Token) => ({ line: token.line, column: token.column + [...token.text].length });

/** A line of its own, or an entry of a block with the block's verb at the entry's place. */
export function directiveOf(line: TokenLine): Directive {
  const [first, ...rest] = line.tokens;
  return line.block
    ? { verb: { ...line.block.head[0], line: first.line, column: first.column }, values: line.tokens, line }
    : { verb: first, values: rest, line };
}

/** The verb of a block that may be one. */
export function blockVerb({ head, paren }: Block, verbs: readonly string[], blocks: readonly string[]): string {
  const [verb, extra] = head;
  if (extra) return unexpected(placeOf(extra), '( and a new line', extra.text);
  if (!verbs.includes(verb.text)) return unexpected(placeOf(verb), `one of ${verbs.join(', ')}`, verb.text);
  return blocks.includes(verb.text) ? verb.text : unexpected(placeOf(paren), `a value for ${verb.text}`, '(');
}

export function onlyValue({ verb, values }: Directive, expected: string): Token {
  const [value, extra] = values;
  if (!value) return unexpected(placeAfter(verb), expected, 'the end of the line');
  if (extra) return unexpected(placeOf(extra), 'the end of the line', extra.text);
  return value;
}

function matching(token: Token, pattern: RegExp, expected: string): string {
  return pattern.test(token.text) ? token.text : unexpected(placeOf(token), expected, token.text);
}

/** `lax`: of a version in an unknown form, `1.21.x`, only its beginning counts. */
export function readGoLine(directive: Directive, lax: boolean): string {
  const value = onlyValue(directive, 'a Go version');
  const [, language] = (lax && !GO_VERSION.test(value.text) && LAX_GO_VERSION.exec(value.text)) || [];
  return language ?? matching(value, GO_VERSION, 'a Go version of the form 1.23.0');
}

export const readToolchainLine = (directive: Directive): string =>
  matching(onlyValue(directive, 'a toolchain name'), TOOLCHAIN, 'a toolchain of the form go1.23.0 or default');

export function readGodebug(directive: Directive): GodebugSetting {
  const text = matching(onlyValue(directive, 'key=value'), /^[^"`',=]*=[^"`',]*$/, 'key=value');
  const at = text.indexOf('=');
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** A path that can be fetched. */
function modulePath(token: Token): string {
  const path = tokenValue(token);
  return modulePathProblem(path) === undefined ? path : unexpected(placeOf(token), 'a module path', path);
}

const PRINTABLE = /^[^\s\p{C}()[\]{},]{1,1024}$/u;

/** The path of what is required or replaced: a module that a directory replaces may have any name. */
function nameOfModule(token: Token, lax: boolean): string {
  const path = tokenValue(token);
  return (lax || PRINTABLE.test(path)) && splitPathVersion(path)
    ? path
    : unexpected(placeOf(token), 'a module path', path);
}

export function readVersion(token: Token | undefined, before: Token): string {
  if (!token) return unexpected(placeAfter(before), 'a version', 'the end of the line');
  const text = tokenValue(token);
  return canonicalVersion(text) ?? unexpected(placeOf(token), 'a version of the form v1.2.3', text);
}

/** `lax`: a path is not looked at, as the go command does not in the go.mod of a dependency. */
export function readModuleAt({ verb, values }: Directive, lax = false): ModuleAt {
  const [pathToken, versionToken, extra] = values;
  if (!pathToken) return unexpected(placeAfter(verb), 'a module path', 'the end of the line');
  const path = nameOfModule(pathToken, lax);
  const version = readVersion(versionToken, pathToken);
  if (!matchesPathMajor(version, splitPathVersion(path)?.major ?? ''))
    unexpected(placeOf(versionToken ?? pathToken), `a version that fits the path ${path}`, version);
  if (extra) unexpected(placeOf(extra), 'the end of the line', extra.text);
  return { path, version };
}

/** Whether a replacement names a directory and no module. */
export const isDirectory = (path: string): boolean => /^(?:\.{1,2}(?:[/\\]|$)|[/\\]|[A-Za-z]:)/.test(path);

function replacementTarget(token: Token, versionToken: Token | undefined): Replacement['target'] {
  const path = tokenValue(token);
  if (isDirectory(path)) {
    if (versionToken) unexpected(placeOf(versionToken), 'no version behind a directory', versionToken.text);
    // The go command takes such a path on Windows alone.
    if (path.includes('\\')) unexpected(placeOf(token), 'a directory with / between its elements', path);
    return { kind: 'directory', directory: path };
  }
  if (!versionToken)
    unexpected(placeAfter(token), 'a version (or a directory that begins with ./ or ../)', 'the end of the line');
  return { kind: 'module', path: modulePath(token), version: readVersion(versionToken, token) };
}

export function readReplacement(directive: Directive): Replacement {
  const { verb, values } = directive;
  const arrow = values.findIndex(({ text }) => text === '=>');
  const [pathToken] = values;
  if (!pathToken || arrow < 1) return unexpected(placeAfter(values.at(-1) ?? verb), '=>', 'the end of the line');
  const [, versionToken] = values.slice(0, arrow);
  if (arrow > 2) unexpected(placeOf(values[2] ?? verb), '=>', values[2]?.text ?? '');
  const [targetToken, targetVersion, extra] = values.slice(arrow + 1);
  if (!targetToken)
    return unexpected(placeAfter(values[arrow] ?? verb), 'a module path or a directory', 'the end of the line');
  if (extra) unexpected(placeOf(extra), 'the end of the line', extra.text);
  const replaced = versionToken
    ? readModuleAt({ ...directive, values: [pathToken, versionToken] })
    : { path: nameOfModule(pathToken, false) };
  return { ...replaced, target: replacementTarget(targetToken, targetVersion), line: verb.line };
}

/** Two replacements of one module version that differ: the go command builds nothing then. */
export function refuseConflictingReplacements(replacements: readonly Replacement[]): void {
  const seen = new Map<string, string>();
  for (const { path, version, target, line } of replacements) {
    const key = `${path}@${version ?? ''}`;
    const wanted = JSON.stringify(target);
    if ((seen.get(key) ?? wanted) !== wanted)
      unexpected({ line, column: 1 }, 'one replacement of a module version', `a second of ${key}`);
    seen.set(key, wanted);
  }
}

/** `// indirect`, alone or followed by `;` and more. */
export function isIndirect({ beside }: TokenLine): boolean {
  const [word, more] = wordsOf(beside ?? '');
  return more === undefined ? word === 'indirect' : word === 'indirect;';
}

/** The text of a directive's comments; an entry that has none of its own has those of its block. */
export function commentOf({ above, beside, block }: TokenLine): string {
  const own = above.length > 0 || beside !== undefined || !block;
  const lines = own ? [...above, beside] : block.above;
  return lines.filter((line) => line !== undefined).join('\n');
}

/** The paragraph of a module's comment that says it is deprecated, without that word; `''` where there is none. */
export const deprecationOf = (line: TokenLine): string =>
  /(?:^|\n\n)Deprecated: *(.*?)(?:$|\n\n)/s.exec(commentOf(line))?.[1] ?? '';
