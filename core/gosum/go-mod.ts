import {
  blockVerb,
  commentOf,
  type Directive,
  deprecationOf,
  directiveOf,
  type GodebugSetting,
  isIndirect,
  type ModuleAt,
  onlyValue,
  placeAfter,
  placeOf,
  type Replacement,
  readGodebug,
  readGoLine,
  readModuleAt,
  readReplacement,
  readToolchainLine,
  readVersion,
  refuseConflictingReplacements,
} from './go-mod-directives.ts';
import {
  type GoModProblem,
  GoModSyntaxError,
  readStatements,
  type Token,
  tokenValue,
  unexpected,
} from './go-mod-lexer.ts';
import { modulePathProblem } from './module-path.ts';

export type { ModuleAt, Replacement } from './go-mod-directives.ts';

/**
 * Readers of go.mod (https://go.dev/ref/mod#go-mod-file): strict for a main module, where what the go command refuses is
 * refused, and lax for a dependency, where it overlooks what it does not know.
 */

export interface Requirement extends ModuleAt {
  readonly indirect: boolean;
  readonly line: number;
}

/** Both ends are included; one version has twice the same. */
export interface Retraction {
  readonly low: string;
  readonly high: string;
  /** Why, from its comment; absent where there is none. */
  readonly rationale?: string;
  readonly line: number;
}

/** What the go.mod of any module says to others. */
export interface DependencyGoMod {
  /** Absent: no module line, which only a directory that replaces a module may lack. */
  readonly module?: string;
  /** From the comment of the module line: why it should not be used any more. */
  readonly deprecated?: string;
  /** Value of the go line, `1.22.0`. */
  readonly go?: string;
  readonly requirements: readonly Requirement[];
  readonly retractions: readonly Retraction[];
  readonly ignored: readonly string[];
}

export interface GoModFile extends DependencyGoMod {
  readonly module: string;
  readonly toolchain?: string;
  readonly godebug: readonly GodebugSetting[];
  readonly exclusions: readonly ModuleAt[];
  readonly replacements: readonly Replacement[];
  readonly tools: readonly string[];
}

interface Malformed {
  readonly kind: 'malformed';
  readonly problem: GoModProblem;
}
export type ParsedGoMod = { readonly kind: 'parsed'; readonly file: GoModFile } | Malformed;
export type ParsedDependencyGoMod = { readonly kind: 'parsed'; readonly file: DependencyGoMod } | Malformed;

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type Draft = Mutable<Omit<GoModFile, 'module'>> & { module?: string };

function once(draft: Draft, key: 'module' | 'go' | 'toolchain', { verb }: Directive, value: string): void {
  if (draft[key] !== undefined) unexpected(placeOf(verb), `one ${key} line`, `a second ${key} line`);
  draft[key] = value;
}

function readModule(draft: Draft, directive: Directive): void {
  once(draft, 'module', directive, tokenValue(onlyValue(directive, 'a module path')));
  const deprecated = deprecationOf(directive.line);
  if (deprecated !== '') draft.deprecated = deprecated;
}

function readRequirement(draft: Draft, directive: Directive, lax: boolean): void {
  draft.requirements.push({
    ...readModuleAt(directive, lax),
    indirect: isIndirect(directive.line),
    line: directive.verb.line,
  });
}

const INTERVAL = ['[', undefined, ',', undefined, ']'] as const;

/** The tokens of both ends, and what follows them. */
function intervalOf({ verb, values }: Directive): { low: Token; high: Token; extra: Token | undefined } {
  const [first] = values;
  if (!first) return unexpected(placeAfter(verb), 'a version or [', 'the end of the line');
  if (first.text !== '[') return { low: first, high: first, extra: values[1] };
  for (const [at, wanted] of INTERVAL.entries()) {
    const token = values[at];
    if (!token) return unexpected(placeAfter(values.at(-1) ?? verb), wanted ?? 'a version', 'the end of the line');
    if (wanted !== undefined && token.text !== wanted) return unexpected(placeOf(token), wanted, token.text);
  }
  return { low: values[1] ?? first, high: values[3] ?? first, extra: values[INTERVAL.length] };
}

/** `lax`: its ends may be anything; what is no version comes before all versions. */
function readRetraction(draft: Draft, directive: Directive, lax: boolean): void {
  const { low, high, extra } = intervalOf(directive);
  if (extra && !lax) unexpected(placeOf(extra), 'the end of the line', extra.text);
  const read = (token: Token) => (lax ? tokenValue(token) : readVersion(token, token));
  const rationale = commentOf(directive.line);
  draft.retractions.push({
    low: read(low),
    high: read(high),
    ...(rationale === '' ? {} : { rationale }),
    line: directive.verb.line,
  });
}

type Reader = (draft: Draft, directive: Directive) => void;

const STRICT: Readonly<Record<string, Reader>> = {
  module: readModule,
  go: (draft, directive) => once(draft, 'go', directive, readGoLine(directive, false)),
  toolchain: (draft, directive) => once(draft, 'toolchain', directive, readToolchainLine(directive)),
  godebug: (draft, directive) => {
    draft.godebug.push(readGodebug(directive));
  },
  require: (draft, directive) => readRequirement(draft, directive, false),
  exclude: (draft, directive) => {
    draft.exclusions.push(readModuleAt(directive));
  },
  replace: (draft, directive) => {
    draft.replacements.push(readReplacement(directive));
  },
  retract: (draft, directive) => readRetraction(draft, directive, false),
  tool: (draft, directive) => {
    draft.tools.push(tokenValue(onlyValue(directive, 'a package path')));
  },
  ignore: (draft, directive) => {
    draft.ignored.push(tokenValue(onlyValue(directive, 'a directory')));
  },
};
const VERBS = Object.keys(STRICT);
const BLOCKS = VERBS.filter((verb) => verb !== 'go' && verb !== 'toolchain');

/** Every other directive is for main modules, or of a later Go. */
const LAX: Readonly<Record<string, Reader>> = {
  module: readModule,
  go: (draft, directive) => once(draft, 'go', directive, readGoLine(directive, true)),
  require: (draft, directive) => readRequirement(draft, directive, true),
  retract: (draft, directive) => {
    try {
      readRetraction(draft, directive, true);
    } catch (error) {
      // A later Go may know more forms of intervals.
      if (!(error instanceof GoModSyntaxError)) throw error;
    }
  },
  ...(STRICT.ignore ? { ignore: STRICT.ignore } : {}),
};

const emptyDraft = (): Draft => ({
  ...{ godebug: [], requirements: [], exclusions: [], replacements: [] },
  ...{ retractions: [], tools: [], ignored: [] },
});

function readStrict(text: string): GoModFile {
  const draft = emptyDraft();
  for (const statement of readStatements(text)) {
    if (statement.kind === 'block') blockVerb(statement.block, VERBS, BLOCKS);
    else {
      const directive = directiveOf(statement.line);
      const { verb } = directive;
      const read = Object.hasOwn(STRICT, verb.text) ? STRICT[verb.text] : undefined;
      if (read) read(draft, directive);
      else unexpected(placeOf(verb), `one of ${VERBS.join(', ')}`, verb.text);
    }
  }
  refuseConflictingReplacements(draft.replacements);
  refuseUnfetchable(draft);
  const { module } = draft;
  if (module === undefined) return unexpected({ line: 1, column: 1 }, 'a module line', 'none');
  return { ...draft, module };
}

function readLax(text: string): DependencyGoMod {
  const draft = emptyDraft();
  for (const statement of readStatements(text)) {
    if (statement.kind === 'block') continue;
    const { line } = statement;
    const directive = directiveOf(line);
    const { text: verb } = directive.verb;
    const unknownBlock = line.block && (line.block.head.length > 1 || !BLOCKS.includes(verb));
    if (!unknownBlock && Object.hasOwn(LAX, verb)) LAX[verb]?.(draft, directive);
  }
  const { module, deprecated, go, requirements, retractions, ignored } = draft;
  return {
    ...(module === undefined ? {} : { module }),
    ...(deprecated === undefined ? {} : { deprecated }),
    ...(go === undefined ? {} : { go }),
    ...{ requirements, retractions, ignored },
  };
}

/** What must be fetched needs a path that can be. */
function refuseUnfetchable(file: Pick<GoModFile, 'requirements' | 'replacements'>): void {
  for (const required of file.requirements) {
    const module = replacedModule(file, required);
    if (module && modulePathProblem(module.path) !== undefined)
      unexpected({ line: required.line, column: 1 }, 'a module path, or a directory that replaces it', module.path);
  }
}

function parsed<T>(read: () => T): { readonly kind: 'parsed'; readonly file: T } | Malformed {
  try {
    return { kind: 'parsed', file: read() };
  } catch (error) {
    if (error instanceof GoModSyntaxError) return { kind: 'malformed', problem: error.problem };
    throw error;
  }
}

/** Reads the go.mod of a main module. */
export const parseGoMod = (text: string): ParsedGoMod => parsed(() => readStrict(text));

/**
 * Reads the go.mod of a dependency as the go command does: module, go, require, retract and ignore; other directives and
 * unknown forms of retract are overlooked, what the others hold is not.
 */
export const parseDependencyGoMod = (text: string): ParsedDependencyGoMod => parsed(() => readLax(text));

/** The replacement of this very version, or else that of every version; of a module without a version only the latter. */
export function findReplacement(
  replacements: readonly Replacement[],
  module: { readonly path: string; readonly version?: string | undefined },
): Replacement | undefined {
  const ofPath = replacements.filter(({ path }) => path === module.path);
  return (
    ofPath.find(({ version }) => version === module.version) ?? ofPath.find(({ version }) => version === undefined)
  );
}

/** What a required module is read from: itself, another module, or `undefined` for a directory of the same tree. */
export function replacedModule(file: Pick<GoModFile, 'replacements'>, required: ModuleAt): ModuleAt | undefined {
  const found = findReplacement(file.replacements, required);
  if (!found) return required;
  return found.target.kind === 'module' ? { path: found.target.path, version: found.target.version } : undefined;
}
