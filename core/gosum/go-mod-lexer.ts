import { trimSpace } from '../goimports/white-space.ts';

/** The syntax that go.mod and go.work share: directives with their places and comments (golang.org/x/mod/modfile). */

/** Where a fault lies, and what was expected there. Line and column count from 1; columns count characters. */
export interface GoModProblem {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
  readonly found: string;
}

/** Thrown while a file is read; its parsers turn it into a value. */
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

interface Lexeme extends Token {
  /** `comment` is alone on its line and ends it; `suffix` stands behind other tokens and ends their line. */
  readonly kind: 'word' | 'comment' | 'suffix' | 'newline' | 'end';
}

/** Comments of a directive, `//` and blanks around removed. */
export interface Comments {
  /** Those on the lines right above; a blank line within a block is `undefined`. */
  readonly above: readonly (string | undefined)[];
  readonly beside?: string;
}

export interface Block extends Comments {
  readonly head: readonly [Token, ...Token[]];
  readonly paren: Token;
}

/** One line with tokens: a directive of its own, or an entry of a block. */
export interface TokenLine extends Comments {
  readonly tokens: readonly [Token, ...Token[]];
  readonly block?: Block;
}

export type Statement = { readonly kind: 'line'; readonly line: TokenLine } | { readonly kind: 'block'; block: Block };

const MAX_SHOWN = 256;
const MAX_CHARACTERS = 16 * 1024 * 1024;
/** Real files have a few thousand; tokens take far more memory than the text. */
const MAX_TOKENS = 1_000_000;

export function unexpected(at: Pick<Token, 'line' | 'column'>, expected: string, found: string): never {
  throw new GoModSyntaxError({
    line: at.line,
    column: at.column,
    expected,
    found: found.slice(0, MAX_SHOWN) || 'nothing',
  });
}

const charactersIn = (text: string): number => {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
};

/** Ends a word: what is no printable character (`unicode.IsPrint`), punctuation, or a comment. */
const WORD_END = /[\s\p{C}\p{Z}()[\]{},]|\/\/|\/\*/gu;
const STRING_END = { '"': /["\\\n]/g, '`': /[`\n]/g } as const;

/** Cuts a text into lexemes, one at a time. */
class Scanner {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #column = 1;
  #lineHasTokens = false;
  #tokens = 0;

  constructor(text: string) {
    this.#text = text;
  }

  next(): Lexeme {
    const blanks = this.#end(/[^ \t\r]/g);
    this.#column += blanks - this.#at;
    this.#at = blanks;
    const character = this.#text[this.#at];
    if (character === undefined) return this.#take('end', this.#at);
    if (this.#text.startsWith('//', this.#at)) return this.#comment();
    if (this.#text.startsWith('/*', this.#at)) this.#noBlockComments(this.#at);
    if (character === '\n') return this.#take('newline', this.#at + 1);
    this.#tokens += 1;
    if (this.#tokens > MAX_TOKENS) unexpected(this.#place(this.#at), `at most ${MAX_TOKENS} words`, 'more');
    this.#lineHasTokens = true;
    if (/[()[\]{},]/.test(character)) return this.#take('word', this.#at + 1);
    return this.#take('word', character === '"' || character === '`' ? this.#stringEnd(character) : this.#wordEnd());
  }

  /** Index of the first match from here, or of the end. */
  #end(pattern: RegExp): number {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.index ?? this.#text.length;
  }

  #place(index: number): Pick<Token, 'line' | 'column'> {
    return { line: this.#line, column: this.#column + charactersIn(this.#text.slice(this.#at, index)) };
  }

  #take(kind: Lexeme['kind'], end: number): Lexeme {
    const text = this.#text.slice(this.#at, end);
    const lexeme = { kind, text, line: this.#line, column: this.#column };
    this.#at = end;
    const newline = text.lastIndexOf('\n');
    if (newline < 0) this.#column += charactersIn(text);
    else {
      this.#line += text.split('\n').length - 1;
      this.#column = 1 + charactersIn(text.slice(newline + 1));
      this.#lineHasTokens = false;
    }
    return lexeme;
  }

  #comment(): Lexeme {
    const kind = this.#lineHasTokens ? 'suffix' : 'comment';
    const newline = this.#text.indexOf('\n', this.#at);
    return this.#take(kind, newline < 0 ? this.#text.length : newline + 1);
  }

  #noBlockComments(index: number): never {
    return unexpected(this.#place(index), 'a // comment (there are no /* */ comments)', '/*');
  }

  #wordEnd(): number {
    const end = this.#end(WORD_END);
    if (end === this.#at) unexpected(this.#place(end), 'a printable character', JSON.stringify(this.#text[end] ?? ''));
    if (this.#text.startsWith('/*', end)) this.#noBlockComments(end);
    return end;
  }

  #stringEnd(quote: '"' | '`'): number {
    const pattern = STRING_END[quote];
    pattern.lastIndex = this.#at + 1;
    for (let found = pattern.exec(this.#text); found; found = pattern.exec(this.#text)) {
      if (found[0] === quote) return found.index + 1;
      if (found[0] === '\n') break;
      pattern.lastIndex = found.index + 2;
    }
    return unexpected(this.#place(this.#at), 'the end of the string', 'the end of the line');
  }
}

const commentText = ({ text }: Token): string => trimSpace(text.slice(2));

/** Reads a file's statements, looking one lexeme ahead. */
class StatementReader {
  readonly #scanner: Scanner;
  #ahead: Lexeme;

  constructor(text: string) {
    this.#scanner = new Scanner(text);
    this.#ahead = this.#scanner.next();
  }

  #lex(): Lexeme {
    const lexeme = this.#ahead;
    if (lexeme.kind !== 'end') this.#ahead = this.#scanner.next();
    return lexeme;
  }

  #aheadEndsLine(): boolean {
    return ['newline', 'suffix', 'end'].includes(this.#ahead.kind);
  }

  *statements(): Generator<Statement> {
    let above: string[] = [];
    for (;;) {
      const { kind } = this.#ahead;
      if (kind === 'end') return;
      if (kind === 'comment') above.push(commentText(this.#lex()));
      else if (kind === 'newline') {
        this.#lex();
        // A blank line parts a comment from what follows.
        above = [];
      } else {
        yield* this.#statement(above);
        above = [];
      }
    }
  }

  /** A line, or a block: one whose line ends with `(` or `()`. */
  *#statement(above: readonly string[]): Generator<Statement> {
    const tokens: [Token, ...Token[]] = [this.#lex()];
    while (!this.#aheadEndsLine()) {
      const token = this.#lex();
      const closing = token.text === '(' && this.#ahead.text === ')' ? this.#lex() : undefined;
      if (token.text === '(' && this.#aheadEndsLine()) {
        const block: Block = { head: tokens, paren: token, above };
        yield { kind: 'block', block };
        if (closing) this.#lex();
        else yield* this.#entries(block);
        return;
      }
      tokens.push(token, ...(closing ? [closing] : []));
    }
    yield { kind: 'line', line: { tokens, above, ...this.#lineEnd() } };
  }

  #lineEnd(): Pick<Comments, 'beside'> {
    const end = this.#lex();
    return end.kind === 'suffix' ? { beside: commentText(end) } : {};
  }

  *#entries(block: Block): Generator<Statement> {
    let above: (string | undefined)[] = [];
    for (let entries = 0; ; ) {
      const { kind, text } = this.#ahead;
      if (kind === 'end') unexpected(block.head[0], ') at the end of the block', 'the end of the file');
      else if (kind === 'suffix') this.#lex();
      else if (kind === 'comment') above.push(commentText(this.#lex()));
      else if (kind === 'newline') {
        this.#lex();
        const blankBefore = above.length === 0 ? entries === 0 : above.at(-1) === undefined;
        if (!blankBefore) above.push(undefined);
      } else if (text === ')') return this.#closeBlock();
      else {
        yield { kind: 'line', line: { ...this.#entry(), above, block } };
        above = [];
        entries += 1;
      }
    }
  }

  #entry(): Pick<TokenLine, 'tokens' | 'beside'> {
    const tokens: [Token, ...Token[]] = [this.#lex()];
    while (!this.#aheadEndsLine()) tokens.push(this.#lex());
    return { tokens, ...this.#lineEnd() };
  }

  #closeBlock(): void {
    this.#lex();
    if (!this.#aheadEndsLine()) unexpected(this.#ahead, 'a new line behind )', this.#ahead.text);
    this.#lex();
  }
}

/** The statements of a file in order; throws `GoModSyntaxError`. */
export function readStatements(text: string): Generator<Statement> {
  if (text.length > MAX_CHARACTERS) unexpected({ line: 1, column: 1 }, `at most ${MAX_CHARACTERS} characters`, 'more');
  return new StatementReader(text).statements();
}

const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.)|$)/gsu;
const NAMED: Readonly<Record<string, string>> = {
  ...{ '\\': '\\', '"': '"', a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' },
};

/** A token without its quotes. Go's byte escapes above 0x7f would make text that is no UTF-8: refused. */
export function tokenValue(token: Token): string {
  const { text } = token;
  if (!text.startsWith('"')) {
    // The go command refuses `raw strings` too, whatever its reference says.
    if (/["'`]/.test(text)) unexpected(token, 'no quote within an unquoted string', text);
    return text;
  }
  return text
    .slice(1, -1)
    .replace(ESCAPE, (whole, hex?: string, short?: string, long?: string, octal?: string, name?: string) => {
      const byte = hex ?? octal;
      if (byte !== undefined) {
        const code = Number.parseInt(byte, hex ? 16 : 8);
        return code < 0x80 ? String.fromCharCode(code) : unexpected(token, 'an escape of ASCII or by \\u', whole);
      }
      const code = Number.parseInt(short ?? long ?? '', 16);
      if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return String.fromCodePoint(code);
      const named = name !== undefined && Object.hasOwn(NAMED, name) ? NAMED[name] : undefined;
      return named ?? unexpected(token, 'a known escape in a string', whole);
    });
}
