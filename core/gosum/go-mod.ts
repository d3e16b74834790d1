import {
  type GoModProblem,
  GoModSyntaxError,
  readTokenLines,
  type Token,
  tokenValue,
  unexpected,
} from './go-mod-lexer.ts';
import { canonicalVersion } from './go-version.ts';
import { matchesPathMajor, modulePathProblem, splitPathVersion } from './module-path.ts';

/** A strict reader of go.mod (https://go.dev/ref/mod#go-mod-file): what the go command refuses in a main module is refused. */

export interface ModuleAt {
  readonly path: string;
  readonly version: string;
}

export interface Requirement extends ModuleAt {
  readonly indirect: boolean;
  readonly line: number;
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

/** Both ends are included; one version has twice the same. */
export interface Retraction {
  readonly low: string;
  readonly high: string;
  readonly line: number;
}

export interface GoModFile {
  readonly module: string;
  /** Value of the go line, `1.22.0`. */
  readonly go?: string;
  readonly toolchain?: string;
  readonly godebug: readonly { readonly key: string; readonly value: string }[];
  readonly requirements: readonly Requirement[];
  readonly exclusions: readonly ModuleAt[];
  readonly replacements: readonly Replacement[];
  readonly retractions: readonly Retraction[];
  readonly tools: readonly string[];
  readonly ignored: readonly string[];
}

export type ParsedGoMod =
  | { readonly kind: 'parsed'; readonly file: GoModFile }
  | { readonly kind: 'malformed'; readonly problem: GoModProblem };

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type Draft = Mutable<Omit<GoModFile, 'module'>> & { module?: string };

/** One directive: its verb and what follows it. */
interface Directive {
  readonly verb: Token;
  readonly values: readonly Token[];
  readonly comment: string | undefined;
}

const GO_VERSION = /^[1-9][0-9]*\.(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))?(?:[a-z]+[0-9]+)?$/;
const TOOLCHAIN = /^(?:default|go1(?:\..*)?)$/;
const MAX_CHARACTERS = 16 * 1024 * 1024;

const place = (token: Token) => ({ line: token.line, column: token.column });
/** Just behind the last token: where something is missing. */
const after = (token: Token) => ({ line: token.line, column: token.column + [...token.text].length });

function only({ verb, values }: Directive, expected: string): Token {
  const [value, extra] = values;
  if (!value) return unexpected(after(verb), expected, 'the end of the line');
  if (extra) return unexpected(place(extra), 'the end of the line', extra.text);
  return value;
}

function modulePath(token: Token): string {
  const path = tokenValue(token);
  return modulePathProblem(path) === undefined ? path : unexpected(place(token), 'a module path', path);
}

/** The path of what is required or replaced: a module that a directory replaces may have any name. */
function nameOfModule(token: Token): string {
  const path = tokenValue(token);
  return /^[^\s\p{C}()[\]{},]{1,1024}$/u.test(path) && splitPathVersion(path)
    ? path
    : unexpected(place(token), 'a module path', path);
}

function version(token: Token | undefined, before: Token): string {
  if (!token) return unexpected(after(before), 'a version', 'the end of the line');
  const text = tokenValue(token);
  return canonicalVersion(text) ?? unexpected(place(token), 'a version of the form v1.2.3', text);
}

function moduleAt({ verb, values }: Directive): ModuleAt {
  const [pathToken, versionToken, extra] = values;
  if (!pathToken) return unexpected(after(verb), 'a module path', 'the end of the line');
  const path = nameOfModule(pathToken);
  const wanted = version(versionToken, pathToken);
  if (!matchesPathMajor(wanted, splitPathVersion(path)?.major ?? ''))
    unexpected(place(versionToken ?? pathToken), `a version that fits the path ${path}`, wanted);
  if (extra) unexpected(place(extra), 'the end of the line', extra.text);
  return { path, version: wanted };
}

const isDirectory = (path: string) => /^(?:\.{1,2}(?:[/\\]|$)|[/\\]|[A-Za-z]:)/.test(path);

function replacementTarget(token: Token, versionToken: Token | undefined): Replacement['target'] {
  const path = tokenValue(token);
  if (isDirectory(path)) {
    if (versionToken) unexpected(place(versionToken), 'no version behind a directory', versionToken.text);
    return { kind: 'directory', directory: path };
  }
  if (!versionToken)
    unexpected(after(token), 'a version (or a directory that begins with ./ or ../)', 'the end of the line');
  return { kind: 'module', path: modulePath(token), version: version(versionToken, token) };
}

function replacement(directive: Directive): Replacement {
  const { verb, values } = directive;
  const arrow = values.findIndex(({ text }) => text === '=>');
  const [pathToken] = values;
  if (!pathToken || arrow < 1) return unexpected(after(values.at(-1) ?? verb), '=>', 'the end of the line');
  const [, versionToken] = values.slice(0, arrow);
  if (arrow > 2) unexpected(place(values[2] ?? verb), '=>', values[2]?.text ?? '');
  const [targetToken, targetVersion, extra] = values.slice(arrow + 1);
  if (!targetToken)
    return unexpected(after(values[arrow] ?? verb), 'a module path or a directory', 'the end of the line');
  if (extra) unexpected(place(extra), 'the end of the line', extra.text);
  const replaced = versionToken
    ? moduleAt({ ...directive, values: [pathToken, versionToken] })
    : { path: nameOfModule(pathToken) };
  return { ...replaced, target: replacementTarget(targetToken, targetVersion), line: verb.line };
}

function retraction({ verb, values }: Directive): Retraction {
  const [first] = values;
  if (!first) return unexpected(after(verb), 'a version or [', 'the end of the line');
  const shape = first.text === '[' ? ['[', undefined, ',', undefined, ']'] : [undefined];
  for (const [at, wanted] of shape.entries()) {
    const token = values[at];
    if (!token) return unexpected(after(values.at(-1) ?? verb), wanted ?? 'a version', 'the end of the line');
    if (wanted !== undefined && token.text !== wanted) return unexpected(place(token), wanted, token.text);
  }
  const extra = values[shape.length];
  if (extra) return unexpected(place(extra), 'the end of the line', extra.text);
  const interval = shape.length > 1;
  return {
    low: version(values[interval ? 1 : 0], first),
    high: version(values[interval ? 3 : 0], first),
    line: verb.line,
  };
}

/** `// indirect`, alone or followed by `;` and more. */
const isIndirect = (comment: string | undefined): boolean => {
  const [word, more] = (comment ?? '').trim().split(/\s+/);
  return more === undefined ? word === 'indirect' : word === 'indirect;';
};

function once(draft: Draft, key: 'module' | 'go' | 'toolchain', directive: Directive, value: string): void {
  if (draft[key] !== undefined) unexpected(place(directive.verb), `one ${key} line`, `a second ${key} line`);
  draft[key] = value;
}

function matching(token: Token, pattern: RegExp, expected: string): string {
  return pattern.test(token.text) ? token.text : unexpected(place(token), expected, token.text);
}

/** What each directive adds; `toolchain` and `go` have no block form. */
const DIRECTIVES: Readonly<Record<string, (draft: Draft, directive: Directive) => void>> = {
  module: (draft, directive) => once(draft, 'module', directive, tokenValue(only(directive, 'a module path'))),
  go: (draft, directive) =>
    once(
      draft,
      'go',
      directive,
      matching(only(directive, 'a Go version'), GO_VERSION, 'a Go version of the form 1.23.0'),
    ),
  toolchain: (draft, directive) =>
    once(
      draft,
      'toolchain',
      directive,
      matching(only(directive, 'a toolchain name'), TOOLCHAIN, 'a toolchain of the form go1.23.0 or default'),
    ),
  godebug: (draft, directive) => {
    const [key = '', value = ''] = matching(only(directive, 'key=value'), /^[^"`',=]+=[^"`',]*$/, 'key=value').split(
      /=(.*)/s,
    );
    draft.godebug.push({ key, value });
  },
  require: (draft, directive) => {
    draft.requirements.push({
      ...moduleAt(directive),
      indirect: isIndirect(directive.comment),
      line: directive.verb.line,
    });
  },
  exclude: (draft, directive) => {
    draft.exclusions.push(moduleAt(directive));
  },
  replace: (draft, directive) => {
    draft.replacements.push(replacement(directive));
  },
  retract: (draft, directive) => {
    draft.retractions.push(retraction(directive));
  },
  tool: (draft, directive) => {
    draft.tools.push(tokenValue(only(directive, 'a package path')));
  },
  ignore: (draft, directive) => {
    draft.ignored.push(tokenValue(only(directive, 'a directory')));
  },
};
const NO_BLOCK = new Set(['go', 'toolchain']);

const known = (verb: Token) =>
  Object.hasOwn(DIRECTIVES, verb.text)
    ? verb.text
    : unexpected(place(verb), `one of ${Object.keys(DIRECTIVES).join(', ')}`, verb.text);

/** Directives with blocks unfolded: a line of a block has the block's verb at its own place. */
function directivesOf(text: string): Directive[] {
  const directives: Directive[] = [];
  let block: Token | undefined;
  for (const { tokens, comment } of readTokenLines(text)) {
    const [first, ...rest] = tokens;
    if (block && first.text === ')') {
      const [extra] = rest;
      if (extra) unexpected(place(extra), 'a new line behind )', extra.text);
      block = undefined;
    } else if (block) {
      directives.push({ verb: { text: block.text, line: first.line, column: first.column }, values: tokens, comment });
    } else if (rest.at(0)?.text === '(' && (rest.length === 1 || (rest.length === 2 && rest[1]?.text === ')'))) {
      if (NO_BLOCK.has(known(first))) unexpected(place(rest[0] ?? first), `a value for ${first.text}`, '(');
      block = rest.length === 1 ? first : undefined;
    } else directives.push({ verb: first, values: rest, comment });
  }
  if (block) unexpected(place(block), ') at the end of the block', 'the end of the file');
  return directives;
}

function refuseConflictingReplacements(replacements: readonly Replacement[]): void {
  const seen = new Map<string, string>();
  for (const { path, version: replaced, target, line } of replacements) {
    const key = `${path}@${replaced ?? ''}`;
    const wanted = JSON.stringify(target);
    if ((seen.get(key) ?? wanted) !== wanted)
      unexpected({ line, column: 1 }, 'one replacement of a module version', `a second of ${key}`);
    seen.set(key, wanted);
  }
}

/** What must be fetched needs a path that can be. */
function refuseUnfetchable(file: Pick<GoModFile, 'requirements' | 'replacements'>): void {
  for (const required of file.requirements) {
    const module = replacedModule(file, required);
    if (module && modulePathProblem(module.path) !== undefined)
      unexpected({ line: required.line, column: 1 }, 'a module path, or a directory that replaces it', module.path);
  }
}

function read(text: string): GoModFile {
  if (text.length > MAX_CHARACTERS) unexpected({ line: 1, column: 1 }, `at most ${MAX_CHARACTERS} characters`, 'more');
  const draft: Draft = {
    godebug: [],
    requirements: [],
    exclusions: [],
    replacements: [],
    retractions: [],
    tools: [],
    ignored: [],
  };
  for (const directive of directivesOf(text)) DIRECTIVES[known(directive.verb)]?.(draft, directive);
  refuseConflictingReplacements(draft.replacements);
  refuseUnfetchable(draft);
  const { module } = draft;
  if (module === undefined) return unexpected({ line: 1, column: 1 }, 'a module line', 'none');
  return { ...draft, module };
}

export function parseGoMod(text: string): ParsedGoMod {
  try {
    return { kind: 'parsed', file: read(text) };
  } catch (error) {
    if (error instanceof GoModSyntaxError) return { kind: 'malformed', problem: error.problem };
    throw error;
  }
}

/** What a required module is read from: itself, another module, or `undefined` for a directory of the same tree. */
export function replacedModule(file: Pick<GoModFile, 'replacements'>, required: ModuleAt): ModuleAt | undefined {
  const ofPath = file.replacements.filter(({ path }) => path === required.path);
  const found =
    ofPath.find((each) => each.version === required.version) ?? ofPath.find((each) => each.version === undefined);
  if (!found) return required;
  return found.target.kind === 'module' ? { path: found.target.path, version: found.target.version } : undefined;
}
