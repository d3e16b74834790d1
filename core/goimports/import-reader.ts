/**
 * Finds the imports of a Go file as the go command looks for them (cmd/go/internal/imports, `ReadImports`): leniently,
 * byte by byte, and no further than the first declaration. Semicolons are blanks to it, and strings are not judged.
 */

export interface ImportSection {
  /** String literals of the import declarations, quotes included. */
  readonly literals: readonly string[];
  /** Offset of the first byte behind the imports. */
  readonly end: number;
  /** `syntax`: not read to the end of the imports. `nul`: there is a zero byte, and the go command reads none of it. `excess`: too many. */
  readonly outcome: 'complete' | 'syntax' | 'nul' | 'excess';
}

const CODE = {
  tab: 9,
  newline: 10,
  formFeed: 12,
  return: 13,
  space: 32,
  quote: 34,
  openParenthesis: 40,
  closeParenthesis: 41,
  star: 42,
  dot: 46,
  slash: 47,
  semicolon: 59,
  backslash: 92,
  backquote: 96,
  i: 105,
} as const;

const isWordByte = (byte: number): boolean =>
  (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57) || byte === 95 || byte >= 128;

type StoppedBy = Exclude<ImportSection['outcome'], 'complete'>;

/** No real file comes near. */
const MAX_IMPORTS = 10_000;

class ReadingStopped extends Error {
  override readonly name = 'ReadingStopped';
  readonly outcome: StoppedBy;
  constructor(outcome: StoppedBy) {
    super(outcome);
    this.outcome = outcome;
  }
}

const stop = (outcome: StoppedBy): never => {
  throw new ReadingStopped(outcome);
};

/** A place in the bytes that moves forward; what it passes is looked at for zero bytes. */
interface Cursor {
  at: number;
  readonly bytes: Buffer;
}

/** The byte at the cursor; 0 is the end. */
function peek({ bytes, at }: Cursor): number {
  const byte = bytes[at];
  return byte === 0 ? stop('nul') : (byte ?? 0);
}

/** Moves behind the next occurrence of `what`; a zero byte before it stops everything. */
function skipPast(cursor: Cursor, what: string): boolean {
  const found = cursor.bytes.indexOf(what, cursor.at);
  const end = found < 0 ? cursor.bytes.length : found + what.length;
  const nul = cursor.bytes.subarray(cursor.at, end).indexOf(0);
  if (nul >= 0) stop('nul');
  cursor.at = end;
  return found >= 0;
}

function skipComment(cursor: Cursor): void {
  cursor.at += 1;
  const kind = peek(cursor);
  cursor.at += 1;
  if (kind === CODE.slash) skipPast(cursor, '\n');
  else if (kind !== CODE.star || !skipPast(cursor, '*/')) stop('syntax');
}

/** Skips blanks, semicolons and comments; gives the byte that comes then. */
function peekText(cursor: Cursor): number {
  for (;;) {
    const byte = peek(cursor);
    if (byte === CODE.slash) skipComment(cursor);
    else if (
      byte === CODE.space ||
      byte === CODE.newline ||
      byte === CODE.tab ||
      byte === CODE.return ||
      byte === CODE.semicolon ||
      byte === CODE.formFeed
    )
      cursor.at += 1;
    else return byte;
  }
}

function readKeyword(cursor: Cursor, keyword: string): void {
  peekText(cursor);
  for (const letter of keyword) {
    if (peek(cursor) !== letter.charCodeAt(0)) stop('syntax');
    cursor.at += 1;
  }
  if (isWordByte(peek(cursor))) stop('syntax');
}

function readIdentifier(cursor: Cursor): void {
  if (!isWordByte(peekText(cursor))) stop('syntax');
  while (isWordByte(peek(cursor))) cursor.at += 1;
}

function skipInterpreted(cursor: Cursor): void {
  for (;;) {
    const byte = peek(cursor);
    if (byte === 0 || byte === CODE.newline) stop('syntax');
    cursor.at += 1;
    if (byte === CODE.quote) return;
    if (byte === CODE.backslash) {
      peek(cursor);
      cursor.at += 1;
    }
  }
}

function readString(cursor: Cursor): string {
  const quote = peekText(cursor);
  const start = cursor.at;
  cursor.at += 1;
  if (quote === CODE.quote) skipInterpreted(cursor);
  else if (quote !== CODE.backquote || !skipPast(cursor, '`')) stop('syntax');
  return cursor.bytes.toString('utf8', start, cursor.at);
}

function readImport(cursor: Cursor, literals: string[]): void {
  if (literals.length === MAX_IMPORTS) stop('excess');
  const byte = peekText(cursor);
  if (byte === CODE.dot) cursor.at += 1;
  else if (isWordByte(byte)) readIdentifier(cursor);
  literals.push(readString(cursor));
}

function readSection(cursor: Cursor, literals: string[]): void {
  readKeyword(cursor, 'package');
  readIdentifier(cursor);
  while (peekText(cursor) === CODE.i) {
    readKeyword(cursor, 'import');
    if (peekText(cursor) !== CODE.openParenthesis) {
      readImport(cursor, literals);
      continue;
    }
    cursor.at += 1;
    while (peekText(cursor) !== CODE.closeParenthesis) readImport(cursor, literals);
    cursor.at += 1;
  }
}

/** Reads bytes from which a leading byte order mark was taken. */
export function readImportSection(bytes: Buffer): ImportSection {
  const cursor: Cursor = { at: 0, bytes };
  const literals: string[] = [];
  try {
    readSection(cursor, literals);
    return { literals, end: cursor.at, outcome: 'complete' };
  } catch (error) {
    if (!(error instanceof ReadingStopped)) throw error;
    // After a syntax error the go command reads on to the end, and a zero byte anywhere is then an error too.
    const outcome = error.outcome === 'syntax' && bytes.includes(0, cursor.at) ? 'nul' : error.outcome;
    return { literals, end: bytes.length, outcome };
  }
}
