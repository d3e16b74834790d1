import { unquote } from './quoted.ts';
import { SPACE, trimSpace } from './white-space.ts';

/** Directives for the compiler, which may stand anywhere in a Go file: `//go:embed` and `//go:linkname`. */

export interface Directives {
  /** Patterns as the go command reads them; a malformed line gives none. */
  readonly embeds: readonly string[];
  readonly linknames: number;
}

const CODE = { newline: 10, quote: 34, apostrophe: 39, star: 42, slash: 47, backslash: 92, backquote: 96 } as const;
const ARGUMENT = new RegExp(
  `${SPACE}*("(?:[^"\\\\\\n]|\\\\.)*"|\`[^\`]*\`|(?!["\`])[^\\t\\n\\v\\f\\r\\u0085\\p{Z}]+)(?=${SPACE}|$)`,
  'suy',
);
const EMBED = new RegExp(`^//go:embed(?:${SPACE}(.*))?$`, 'su');
const LINKNAME = new RegExp(`^//go:linkname(?:${SPACE}|$)`, 'u');

/** Behind a string or character literal, which ends with its line at the latest. */
function pastQuoted(bytes: Uint8Array, start: number): number {
  const quote = bytes[start];
  for (let at = start + 1; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === CODE.newline) return at;
    if (byte === quote) return at + 1;
    if (byte === CODE.backslash && bytes[at + 1] !== CODE.newline) at += 1;
  }
  return bytes.length;
}

const past = (bytes: Buffer, what: string, from: number): number => {
  const found = bytes.indexOf(what, from);
  return found < 0 ? bytes.length : found + what.length;
};

/** Line comments that begin `//go:`, whatever is in strings and other comments left out. */
function* directiveLines(bytes: Buffer): Generator<string> {
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    if (byte === CODE.quote || byte === CODE.apostrophe) at = pastQuoted(bytes, at);
    else if (byte === CODE.backquote) at = past(bytes, '`', at + 1);
    else if (byte === CODE.slash && bytes[at + 1] === CODE.star) at = past(bytes, '*/', at + 2);
    else if (byte === CODE.slash && bytes[at + 1] === CODE.slash) {
      const end = past(bytes, '\n', at);
      if (bytes.toString('latin1', at, at + 5) === '//go:')
        yield bytes.toString('utf8', at, end).replace(/\n$/, '').replaceAll('\r', '');
      at = end;
    } else at += 1;
  }
}

function embedPatterns(line: string): string[] {
  const text = trimSpace(EMBED.exec(line)?.[1] ?? '');
  const patterns: string[] = [];
  ARGUMENT.lastIndex = 0;
  for (let at = 0; at < text.length; at = ARGUMENT.lastIndex) {
    const [, argument = ''] = ARGUMENT.exec(text) ?? [];
    const pattern = /^["`]/.test(argument) ? unquote(argument) : argument;
    if (argument === '' || pattern === undefined) return [];
    patterns.push(pattern);
  }
  return patterns;
}

/** `embeds`: whether the file imports package embed; without it the directive means nothing. */
export function readDirectives(bytes: Buffer, embeds: boolean): Directives {
  const patterns: string[] = [];
  let linknames = 0;
  // Few files have either, and looking for words is fifty times faster than reading tokens.
  if (!bytes.includes('//go:linkname') && !(embeds && bytes.includes('//go:embed')))
    return { embeds: patterns, linknames };
  for (const line of directiveLines(bytes)) {
    if (embeds) patterns.push(...embedPatterns(line));
    if (LINKNAME.test(line)) linknames += 1;
  }
  return { embeds: patterns, linknames };
}
