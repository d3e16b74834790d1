import { GoSyntaxError, type HeadLexer, headLexer, KEYWORDS, type Lexeme, newlinesIn } from './head-lexer.ts';
import { unquote } from './quoted.ts';

/** The head of a Go file, package clause and imports, read as strictly as package go/parser reads it. */

export interface Head {
  /** `''` when the package clause could not be read. */
  readonly package: string;
  /** Lines of the comments right above each `import "C"`. */
  readonly preamble: readonly string[];
  /** Why the go command would not take the file for Go. */
  readonly problem?: string;
}

interface Token extends Lexeme {
  /** The comments that end on the line right above. */
  readonly doc: readonly Lexeme[];
}

const REPLACEMENT = '\uFFFD';
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S}]|[!"#$%&'()*,:;<=>?[\]^{|}`\uFFFD]/u;

/** Whether the specification lets implementations refuse the path, as go does. */
const isImportPath = (path: string): boolean => path !== '' && !UNPRINTABLE.test(path);

const endLine = ({ line, text }: Lexeme) => line + newlinesIn(text);

/** Tokens without their comments; each knows the comment that documents it. */
function documentedTokens({ next }: HeadLexer): () => Token {
  let previousLine = 0;
  return () => {
    let token = next();
    let group: Lexeme[] = [];
    let groupEnd = -1;
    // A comment that begins on the line of the previous token belongs to that one, with what follows it on its line.
    for (let reach = previousLine; token.kind === 'comment' && token.line <= reach; token = next())
      reach = endLine(token);
    for (; token.kind === 'comment'; token = next()) {
      if (token.line > groupEnd + 1) group = [];
      group.push(token);
      groupEnd = endLine(token);
    }
    previousLine = token.line;
    return { ...token, doc: groupEnd + 1 === token.line ? group : [] };
  };
}

/** Comment text without its marks. */
const linesOf = (comments: readonly Lexeme[]): string[] =>
  comments.flatMap(({ text }) => (text.startsWith('/*') ? text.slice(2, -2) : text.slice(2)).split('\n'));

interface Reader {
  token: Token;
  readonly draft: { package: string; preamble: string[] };
  advance(): void;
}

function wrong({ token }: Reader, expected: string): never {
  const { kind, text, line } = token;
  const found = kind === 'end' ? 'the end' : text === '\n' ? 'the end of the line' : JSON.stringify(text.slice(0, 64));
  throw new GoSyntaxError(line, `expected ${expected}, found ${found}`);
}

const isOther = ({ token }: Reader, text: string) => token.kind === 'other' && token.text === text;
const isKeyword = ({ token }: Reader, word: string) => token.kind === 'word' && token.text === word;
const isName = ({ kind, text }: Token) => kind === 'word' && !KEYWORDS.has(text);

function endStatement(reader: Reader): void {
  if (isOther(reader, ')') || isOther(reader, '}')) return;
  if (reader.token.kind !== 'semicolon') wrong(reader, 'a new line or a semicolon');
  reader.advance();
}

/** One import; gives its path. */
function readSpec(reader: Reader): string {
  if (isName(reader.token) || isOther(reader, '.')) reader.advance();
  const { token } = reader;
  if (token.kind !== 'string') wrong(reader, 'an import path in quotes');
  const path = unquote(token.text);
  if (path === undefined || !isImportPath(path)) return wrong(reader, 'a valid import path');
  reader.advance();
  endStatement(reader);
  return path;
}

function readDeclaration(reader: Reader): void {
  const outer = reader.token.doc;
  reader.advance();
  if (!isOther(reader, '(')) {
    if (readSpec(reader) === 'C') reader.draft.preamble.push(...linesOf(outer));
    return;
  }
  reader.advance();
  const specs: { path: string; doc: readonly Lexeme[] }[] = [];
  while (!isOther(reader, ')') && reader.token.kind !== 'end') {
    const { doc } = reader.token;
    specs.push({ path: readSpec(reader), doc });
  }
  if (!isOther(reader, ')')) wrong(reader, ')');
  reader.advance();
  endStatement(reader);
  for (const { path, doc } of specs)
    if (path === 'C') reader.draft.preamble.push(...linesOf(doc.length === 0 && specs.length === 1 ? outer : doc));
}

function readClauses(reader: Reader): void {
  if (!isKeyword(reader, 'package')) wrong(reader, 'a package clause');
  reader.advance();
  if (!isName(reader.token)) wrong(reader, 'a package name');
  const name = reader.token.text;
  reader.advance();
  endStatement(reader);
  reader.draft.package = name;
  while (isKeyword(reader, 'import')) readDeclaration(reader);
}

/** What a reader may not pass, wherever it stands. */
interface Flaw {
  readonly at: number;
  readonly what: string;
}

/** Where bytes became U+FFFD that were none. */
function encodingFlaw(bytes: Buffer, text: string): Flaw[] {
  let offset = 0;
  let from = 0;
  for (let at = text.indexOf(REPLACEMENT); at >= 0; at = text.indexOf(REPLACEMENT, at + 1)) {
    offset += Buffer.byteLength(text.slice(from, at));
    from = at;
    if (bytes.toString('hex', offset, offset + 3) !== 'efbfbd') return [{ at, what: 'bytes that are no UTF-8' }];
  }
  return [];
}

function flawsOf(bytes: Buffer, text: string): Flaw[] {
  const mark = text.indexOf('\uFEFF');
  const marks = mark < 0 ? [] : [{ at: mark, what: 'a byte order mark within the file' }];
  return [...encodingFlaw(bytes, text), ...marks];
}

/** Reads bytes from which a leading byte order mark was taken, cut behind the imports; `text` is the same, decoded. */
export function readHead(bytes: Buffer, text: string): Head {
  const draft = { package: '', preamble: [] };
  const lexer = headLexer(text);
  try {
    const next = documentedTokens(lexer);
    const reader: Reader = {
      token: next(),
      draft,
      advance() {
        reader.token = next();
      },
    };
    readClauses(reader);
    const flaw = flawsOf(bytes, text).find(({ at }) => at <= lexer.offset());
    return flaw ? { ...draft, problem: `line ${newlinesIn(text.slice(0, flaw.at)) + 1}: ${flaw.what}` } : draft;
  } catch (error) {
    if (error instanceof GoSyntaxError) return { ...draft, problem: error.message };
    throw error;
  }
}
