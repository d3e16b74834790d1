import { wordsOf } from './white-space.ts';

/** Build constraints: `//go:build` expressions, and the older `// +build` lines read as one (package go/build/constraint). */

export type Constraint =
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'not'; readonly of: Constraint }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Constraint[] };

/** As the go command: more is refused, so that no expression exhausts a stack. */
const MAX_OPERANDS = 1000;
const MAX_PLUS_BUILD_OPERATORS = 100;
/** What `// +build` lines of one file may make together: they are as many as they like, but never deep. */
const MAX_JOINED_OPERANDS = 1_000_000;
const MAX_NESTING = 1000;

const TOKEN = /[ \t]*(?:(&&|\|\||[()!])|([\p{L}\p{Nd}_.]+)|$)/uy;
const TAG = /^[\p{L}\p{Nd}_.]+$/u;

/** No build has this tag, and it is false even where every other tag is true and false at once. */
const IGNORE: Constraint = { kind: 'tag', tag: 'ignore' };

class ConstraintSyntaxError extends Error {
  override readonly name = 'ConstraintSyntaxError';
}

interface Tokens {
  /** `''` is the end. */
  text: string;
  isTag: boolean;
  /** Whether this is the token; moves on if so. */
  take(text: string): boolean;
  advance(): void;
}

function tokensOf(text: string): Tokens {
  let at = 0;
  const tokens: Tokens = {
    text: '',
    isTag: false,
    take(wanted) {
      const taken = !tokens.isTag && tokens.text === wanted;
      if (taken) tokens.advance();
      return taken;
    },
    advance() {
      TOKEN.lastIndex = at;
      const match = TOKEN.exec(text);
      if (!match) throw new ConstraintSyntaxError(`unexpected text at column ${at + 1}`);
      at = TOKEN.lastIndex;
      tokens.text = match[1] ?? match[2] ?? '';
      tokens.isTag = match[2] !== undefined;
    },
  };
  tokens.advance();
  return tokens;
}

const joined = (kind: 'and' | 'or', of: readonly Constraint[]): Constraint => {
  const [first] = of;
  return first && of.length === 1 ? first : { kind, of };
};

function read(text: string, maxOperands: number): Constraint {
  const token = tokensOf(text);
  let operands = 0;
  let nesting = 0;
  const sequence = (operator: '&&' | '||', operand: () => Constraint): Constraint => {
    const of = [operand()];
    while (token.take(operator)) of.push(operand());
    return joined(operator === '&&' ? 'and' : 'or', of);
  };
  const atom = (): Constraint => {
    if (token.isTag) {
      const tag = token.text;
      token.advance();
      return { kind: 'tag', tag };
    }
    if (!token.take('(')) throw new ConstraintSyntaxError(`a tag is missing before "${token.text}"`);
    nesting += 1;
    if (nesting > MAX_NESTING) throw new ConstraintSyntaxError('the expression is too large');
    const inner = or();
    if (!token.take(')')) throw new ConstraintSyntaxError('a closing parenthesis is missing');
    nesting -= 1;
    return inner;
  };
  const not = (): Constraint => {
    operands += 1;
    if (operands > maxOperands) throw new ConstraintSyntaxError('the expression is too large');
    if (!token.take('!')) return atom();
    if (token.text === '!') throw new ConstraintSyntaxError('a negation is negated');
    return { kind: 'not', of: atom() };
  };
  const or = (): Constraint => sequence('||', () => sequence('&&', not));
  const whole = or();
  if (token.text !== '') throw new ConstraintSyntaxError(`unexpected "${token.text}"`);
  return whole;
}

/** The expression of a `//go:build` line, without the prefix; otherwise what is wrong with it. */
export function parseGoBuild(text: string): Constraint | { readonly problem: string } {
  try {
    return read(text, MAX_OPERANDS);
  } catch (error) {
    if (error instanceof ConstraintSyntaxError) return { problem: error.message };
    throw error;
  }
}

function plusBuildTerm(term: string): Constraint {
  if (term === '!' || term.startsWith('!!')) return IGNORE;
  const tag = term.startsWith('!') ? term.slice(1) : term;
  const operand: Constraint = TAG.test(tag) ? { kind: 'tag', tag } : IGNORE;
  return term.startsWith('!') ? { kind: 'not', of: operand } : operand;
}

/** One `// +build` line; `undefined` when it is so long that the go command takes no notice of it. */
function plusBuildLine(text: string): Constraint | undefined {
  const terms = wordsOf(text).map((clause) => clause.split(','));
  if (terms.length === 0) return IGNORE;
  if (terms.reduce((sum, { length }) => sum + length, 0) - 1 > MAX_PLUS_BUILD_OPERATORS) return undefined;
  return joined(
    'or',
    terms.map((each) => joined('and', each.map(plusBuildTerm))),
  );
}

/** What all `// +build` lines of a file ask together; `undefined`: nothing. */
export function parsePlusBuild(lines: readonly string[]): Constraint | undefined {
  const constraints = lines.flatMap((line) => plusBuildLine(line) ?? []);
  return constraints.length === 0 ? undefined : joined('and', constraints);
}

/** Text that reads as the same expression in a `//go:build` line. */
export function constraintText(constraint: Constraint): string {
  if (constraint.kind === 'tag') return constraint.tag;
  if (constraint.kind === 'not') {
    const inner = constraintText(constraint.of);
    return constraint.of.kind === 'tag' ? `!${inner}` : `!(${inner})`;
  }
  const other = constraint.kind === 'and' ? 'or' : 'and';
  return constraint.of
    .map((each) => (each.kind === other ? `(${constraintText(each)})` : constraintText(each)))
    .join(constraint.kind === 'and' ? ' && ' : ' || ');
}

/** Reads what `constraintText` wrote. Text that it did not write is a programming error. */
export const parseConstraintText = (text: string): Constraint => read(text, MAX_JOINED_OPERANDS);

/** Whether the expression holds where `isTrue` says which tags do. */
export function holds(constraint: Constraint, isTrue: (tag: string) => boolean): boolean {
  switch (constraint.kind) {
    case 'tag':
      return isTrue(constraint.tag);
    case 'not':
      return !holds(constraint.of, isTrue);
    case 'and':
      return constraint.of.every((each) => holds(each, isTrue));
    case 'or':
      return constraint.of.some((each) => holds(each, isTrue));
  }
}

/**
 * Whether some build could meet the expression, judged as the go command does to be safe: each tag is true and false at
 * once, as it suits, but `ignore` is false.
 */
export function couldHold(constraint: Constraint, wanted = true): boolean {
  switch (constraint.kind) {
    case 'tag':
      return constraint.tag !== 'ignore' && wanted;
    case 'not':
      return !couldHold(constraint.of, !wanted);
    case 'and':
      return constraint.of.every((each) => couldHold(each, wanted));
    case 'or':
      return constraint.of.some((each) => couldHold(each, wanted));
  }
}
