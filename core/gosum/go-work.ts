import {
  blockVerb,
  type Directive,
  directiveOf,
  type GodebugSetting,
  onlyValue,
  placeOf,
  type Replacement,
  readGodebug,
  readGoLine,
  readReplacement,
  readToolchainLine,
  refuseConflictingReplacements,
} from './go-mod-directives.ts';
import { type GoModProblem, GoModSyntaxError, readStatements, tokenValue, unexpected } from './go-mod-lexer.ts';

/** A strict reader of go.work (https://go.dev/ref/mod#go-work-file). */

export interface GoWorkFile {
  readonly go?: string;
  readonly toolchain?: string;
  readonly godebug: readonly GodebugSetting[];
  /** Folders of the main modules, as written: relative to the folder of go.work. */
  readonly uses: readonly { readonly directory: string; readonly line: number }[];
  readonly replacements: readonly Replacement[];
}

export type ParsedGoWork =
  | { readonly kind: 'parsed'; readonly file: GoWorkFile }
  | { readonly kind: 'malformed'; readonly problem: GoModProblem };

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type Draft = Mutable<GoWorkFile>;

function once(draft: Draft, key: 'go' | 'toolchain', { verb }: Directive, value: string): void {
  if (draft[key] !== undefined) unexpected(placeOf(verb), `one ${key} line`, `a second ${key} line`);
  draft[key] = value;
}

const DIRECTIVES: Readonly<Record<string, (draft: Draft, directive: Directive) => void>> = {
  go: (draft, directive) => once(draft, 'go', directive, readGoLine(directive, false)),
  toolchain: (draft, directive) => once(draft, 'toolchain', directive, readToolchainLine(directive)),
  godebug: (draft, directive) => {
    draft.godebug.push(readGodebug(directive));
  },
  use: (draft, directive) => {
    draft.uses.push({
      directory: tokenValue(onlyValue(directive, 'a directory')),
      line: directive.verb.line,
    });
  },
  replace: (draft, directive) => {
    draft.replacements.push(readReplacement(directive));
  },
};
const VERBS = Object.keys(DIRECTIVES);
const BLOCKS = VERBS.filter((verb) => verb !== 'go' && verb !== 'toolchain');

function read(text: string): GoWorkFile {
  const draft: Draft = { godebug: [], uses: [], replacements: [] };
  for (const statement of readStatements(text)) {
    if (statement.kind === 'block') blockVerb(statement.block, VERBS, BLOCKS);
    else {
      const directive = directiveOf(statement.line);
      const { verb } = directive;
      const readDirective = Object.hasOwn(DIRECTIVES, verb.text) ? DIRECTIVES[verb.text] : undefined;
      if (readDirective) readDirective(draft, directive);
      else unexpected(placeOf(verb), `one of ${VERBS.join(', ')}`, verb.text);
    }
  }
  refuseConflictingReplacements(draft.replacements);
  return draft;
}

export function parseGoWork(text: string): ParsedGoWork {
  try {
    return { kind: 'parsed', file: read(text) };
  } catch (error) {
    if (error instanceof GoModSyntaxError) return { kind: 'malformed', problem: error.problem };
    throw error;
  }
}
