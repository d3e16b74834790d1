/** Lines of a go.mod file as tokens with their places (golang.org/x/mod/modfile, read.go). */

/** Where a fault lies, and what was expected there. Line and column count from 1; columns count characters. */
export interface GoModProblem {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly found: string;
}

/** Thrown while a file is read; `parseGoMod` turns it into a value. */
export class GoModSyntaxError extends Error {
  override readonly name = 'GoModSyntaxError';
  readonly problem: GoModProblem;
  constructor(problem: GoModProblem) {
    super(problem.expected);
    this.problem = problem;
  }
}

export interface Token {
  /** As written, quotes included. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export interface TokenLine {
  readonly tokens: readonly [Token, ...Token[]];
  /** Text behind `//` on the same line. */
  readonly comment: string | undefined;
}

const MAX_SHOWN = 256;

export function unexpected(at: Pick<Token, 'line' | 'column'>, expected: string, found: string): never {
  throw new GoModSyntaxError({
    line: at.line,
    column: at.column,
    expected,
    found: found.slice(0, MAX_SHOWN) || 'nothing',
  });
}

const PUNCTUATION = /^[()[\]{},]$/;
const STRING = /"(?:[^"\\]|\\.)*"|`[^`]*`/suy;
/** Printable and no space, as Go's `unicode.IsPrint`. */
const WORD_CHARACTER = /^[^\s\p{C}\p{Z}()[\]{},]$/u;

function readString(text: string, at: number, line: number): string {
  STRING.lastIndex = at;
  const [whole] = STRING.exec(text) ?? [];
  return whole ?? unexpected({ line, column: columnOf(text, at) }, 'the end of the string', 'the end of the line');
}

const columnOf = (text: string, at: number) => [...text.slice(0, at)].length + 1;

function readWord(text: string, at: number, line: number): string {
  let end = at;
  for (const character of text.slice(at)) {
    if (!WORD_CHARACTER.test(character) || text.startsWith('//', end)) break;
    if (text.startsWith('/*', end))
      unexpected({ line, column: columnOf(text, end) }, 'a // comment (there are no /* */ comments)', '/*');
    end += character.length;
  }
  if (end === at)
    unexpected({ line, column: columnOf(text, at) }, 'a printable character', JSON.stringify(text.slice(at, at + 1)));
  return text.slice(at, end);
}

function readLine(text: string, line: number): TokenLine | undefined {
  const tokens: Token[] = [];
  let comment: string | undefined;
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? '';
    if (character === ' ' || character === '\t' || character === '\r') {
      at += 1;
      continue;
    }
    if (text.startsWith('//', at)) {
      comment = text.slice(at + 2).replace(/\r$/, '');
      break;
    }
    const column = columnOf(text, at);
    const token = PUNCTUATION.test(character)
      ? character
      : character === '"' || character === '`'
        ? readString(text, at, line)
        : readWord(text, at, line);
    tokens.push({ text: token, line, column });
    at += token.length;
  }
  const [first, ...rest] = tokens;
  return first && { tokens: [first, ...rest], comment };
}

/** The lines that hold a token, in order. */
export const readTokenLines = (text: string): TokenLine[] =>
  text.split('\n').flatMap((row, at) => readLine(row, at + 1) ?? []);

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\', '"': '"', n: '\n', t: '\t', r: '\r' };

/** The value of a token: quotes removed, or the token itself where it has none. */
export function tokenValue(token: Token): string {
  const { text } = token;
  if (!text.startsWith('"')) {
    // The go command refuses `raw strings` too, whatever its reference says.
    if (/["'`]/.test(text)) unexpected(token, 'no quote within an unquoted string', text);
    return text;
  }
  return text
    .slice(1, -1)
    .replace(
      /\\(.)/gsu,
      (_, name: string) => ESCAPES[name] ?? unexpected(token, 'a known escape in a string', `\\${name}`),
    );
}
