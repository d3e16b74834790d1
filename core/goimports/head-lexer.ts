/** Tokens of the head of a Go file as package go/scanner makes them: strict, with comments and automatic semicolons. */

export interface Lexeme {
  readonly kind: 'word' | 'string' | 'comment' | 'semicolon' | 'end' | 'other';
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** Offset of what follows; the lexer's own. */
  readonly next: number;
}

/** Thrown while a head is read; `readHead` turns it into a value. */
export class GoSyntaxError extends Error {
  override readonly name = 'GoSyntaxError';
  constructor(line: number, what: string) {
    super(`line ${line}: ${what}`.slice(0, MAX_PROBLEM).toWellFormed());
  }
}

const MAX_PROBLEM = 256;
const MAX_LINE_NUMBER = 2 ** 30;
const ENDS_STATEMENT = new Set(['break', 'continue', 'fallthrough', 'return', ')', ']', '}']);
export const KEYWORDS: ReadonlySet<string> = new Set(
  (
    'break case chan const continue default defer else fallthrough for func go goto if import interface map package ' +
    'range return select struct switch type var'
  ).split(' '),
);
const WORD = /[\p{L}_][\p{L}\p{Nd}_]*/uy;
/** What begins no token at all; the rest of Go's tokens is of no interest in a head. */
const ILLEGAL = /[^\x21-\x22\x25-\x3e\x41-\x5b\x5d-\x5e\x60-\x7e]/u;

export const newlinesIn = (text: string): number => text.split('\n').length - 1;

/** The number behind the last colon, where it begins, and whether it is one. */
function trailingNumber(text: string): { readonly at: number; readonly value: number } | undefined {
  const colon = text.lastIndexOf(':');
  if (colon < 0) return undefined;
  const digits = text.slice(colon + 1);
  return { at: colon, value: /^[0-9]+$/.test(digits) ? Number(digits) : Number.NaN };
}

const isLineNumber = (value: number) => value >= 1 && value <= MAX_LINE_NUMBER;

/** `//line file:10` and its like change positions; a number that is none is an error. */
function checkLineDirective(comment: string, line: number): void {
  const text = comment.startsWith('/*') ? comment.slice(7, -2) : comment.slice(7).replace(/\r$/, '');
  const last = trailingNumber(text);
  if (!last) return;
  const before = trailingNumber(text.slice(0, last.at));
  const hasColumn = before !== undefined && !Number.isNaN(before.value) && !Number.isNaN(last.value);
  if (!isLineNumber(last.value) || (hasColumn && !isLineNumber(before.value)))
    throw new GoSyntaxError(line, 'a //line comment with an invalid number');
}

function commentAt(text: string, at: number, line: number): string {
  const isBlock = text[at + 1] === '*';
  const found = text.indexOf(isBlock ? '*/' : '\n', at + 2);
  if (isBlock && found < 0) throw new GoSyntaxError(line, 'a comment that does not end');
  const comment = text.slice(at, found < 0 ? text.length : isBlock ? found + 2 : found);
  const opensLine = at === 0 || text[at - 1] === '\n';
  if (comment.startsWith('line ', 2) && (isBlock || opensLine)) checkLineDirective(comment, line);
  return comment;
}

function stringAt(text: string, at: number, line: number): string {
  const quote = text[at] ?? '';
  const simple = text.slice(at, text.indexOf(quote, at + 1) + 1);
  if (simple !== '' && !(quote === '"' && /[\\\n]/.test(simple))) return simple;
  let end = at + 1;
  while (end < text.length && text[end] !== quote) {
    if (quote === '"' && text[end] === '\n') break;
    end += quote === '"' && text[end] === '\\' && text[end + 1] !== '\n' ? 2 : 1;
  }
  if (text[end] !== quote) throw new GoSyntaxError(line, 'a string that does not end');
  return text.slice(at, end + 1);
}

const hexCode = (text: string, at: number) => (text.codePointAt(at) ?? 0).toString(16).toUpperCase().padStart(4, '0');

function tokenAt(text: string, at: number, line: number): Lexeme {
  const character = text[at] ?? '';
  const lexeme = (kind: Lexeme['kind'], token: string) => ({ kind, text: token, line, next: at + token.length });
  if (character === '') return lexeme('end', '');
  if (character === '/' && /^[/*]$/.test(text[at + 1] ?? '')) return lexeme('comment', commentAt(text, at, line));
  if (character === '"' || character === '`') return lexeme('string', stringAt(text, at, line));
  if (character === ';') return lexeme('semicolon', ';');
  WORD.lastIndex = at;
  const [word] = WORD.exec(text) ?? [];
  if (word !== undefined) return lexeme('word', word);
  if (ILLEGAL.test(character)) throw new GoSyntaxError(line, `the character U+${hexCode(text, at)}`);
  return lexeme('other', character);
}

const canEndStatement = ({ kind, text }: Lexeme): boolean =>
  kind === 'string' || (kind === 'word' && !KEYWORDS.has(text)) || ENDS_STATEMENT.has(text);

export interface HeadLexer {
  /** The next token; behind the last comes `end` for ever. Throws `GoSyntaxError`. */
  next(): Lexeme;
  /** Offset behind the last token. */
  offset(): number;
}

export function headLexer(text: string): HeadLexer {
  let at = 0;
  let line = 1;
  /** Whether a newline here is a semicolon. */
  let canEnd = false;
  /** The semicolon within a comment of several lines comes behind the comment. */
  let pending: Lexeme | undefined;
  const semicolon = (onLine: number): Lexeme => {
    canEnd = false;
    return { kind: 'semicolon', text: '\n', line: onLine, next: at };
  };
  const next = (): Lexeme => {
    const held = pending;
    pending = undefined;
    if (held) return held;
    for (; at < text.length && ' \t\r\n'.includes(text.charAt(at)); at += 1) {
      if (text[at] !== '\n') continue;
      if (canEnd) return semicolon(line);
      line += 1;
    }
    const token = tokenAt(text, at, line);
    if (token.kind === 'end' && canEnd) return semicolon(line);
    at = token.next;
    const lines = newlinesIn(token.text);
    if (token.kind !== 'comment') canEnd = canEndStatement(token);
    else if (canEnd && lines > 0) pending = semicolon(line);
    line += lines;
    return token;
  };
  return { next, offset: () => at };
}
