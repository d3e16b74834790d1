/** Go string literals (package strconv, `Unquote`). */

const SIMPLE: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '"': '"',
};
/** No path and no pattern is longer. */
const MAX_CHARACTERS = 64 * 1024;
const ESCAPE = /\\(?:([abfnrtv\\"])|x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)/g;

/** A Unicode scalar value as text; `undefined` for surrogates and what is too large. */
function characterOf(hex: string): string | undefined {
  const code = Number.parseInt(hex, 16);
  return code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? undefined : String.fromCodePoint(code);
}

/** What stands between double quotes, its escapes resolved; `undefined` where one is none of Go's. */
export function unescaped(body: string): string | undefined {
  const parts: Buffer[] = [];
  let at = 0;
  for (const match of body.matchAll(ESCAPE)) {
    const [whole, simple, hexByte, octalByte, short, long] = match;
    parts.push(Buffer.from(body.slice(at, match.index)));
    at = match.index + whole.length;
    const byte = hexByte ? Number.parseInt(hexByte, 16) : octalByte ? Number.parseInt(octalByte, 8) : undefined;
    const text = simple ? SIMPLE[simple] : characterOf(short ?? long ?? '110000');
    if (byte !== undefined ? byte > 255 : text === undefined) return undefined;
    parts.push(byte !== undefined ? Buffer.of(byte) : Buffer.from(text ?? ''));
  }
  // Bytes that make no UTF-8 become U+FFFD, which no import path may hold.
  return Buffer.concat([...parts, Buffer.from(body.slice(at))]).toString('utf8');
}

/** The value of a whole `"interpreted"` or raw literal; `undefined` when it is none. */
export function unquote(literal: string): string | undefined {
  const body = literal.slice(1, -1);
  if (literal.length < 2 || literal.length > MAX_CHARACTERS) return undefined;
  if (literal.startsWith('`'))
    return literal.endsWith('`') && !body.includes('`') ? body.replaceAll('\r', '') : undefined;
  if (!literal.startsWith('"') || !/^"(?:[^"\\\n]|\\[^\n])*"$/.test(literal)) return undefined;
  return body.includes('\\') ? unescaped(body) : body;
}
