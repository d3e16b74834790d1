/** Text that is no JSON, or JSON that two readers may read differently. `position` counts UTF-16 units. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
  readonly position: number;
  constructor(problem: string, position: number) {
    super(`${problem} at ${position}`);
    this.position = position;
  }
}

export interface StrictJsonLimits {
  readonly maxBytes?: number;
  readonly maxDepth?: number;
}

const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_DEPTH = 64;

/**
 * Simple case folding, as Go's encoding/json matches keys: U+017F reads as `s` and U+212A as `k`. A letter whose other
 * case is several letters has no simple folding; dotless i has none either.
 */
export function foldKey(key: string): string {
  let folded = '';
  for (const letter of key) {
    if (letter === '\u0131' || letter === '\u0130') folded += letter;
    else {
      const upper = letter.toUpperCase();
      folded += ([...upper].length === 1 ? upper : letter).toLowerCase();
    }
  }
  return folded;
}

/**
 * One JSON value that every reader reads alike. Refuses invalid UTF-8, a byte order mark, keys of one object that are
 * equal under simple case folding, lone surrogates, numbers that a double cannot hold exactly as an integer, and depth.
 */
export function parseStrictJson(bytes: Uint8Array, limits: StrictJsonLimits = {}): unknown {
  const { maxBytes = DEFAULT_MAX_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = limits;
  if (bytes.length > maxBytes) throw new StrictJsonError(`more than ${maxBytes} bytes`, 0);
  const parser = new Parser(decodeUtf8(bytes), maxDepth);
  return parser.document();
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new StrictJsonError('invalid UTF-8', 0);
  }
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const HEX = /[0-9a-fA-F]{4}/y;
const WORDS = new Map<string, boolean | null>([
  ['true', true],
  ['false', false],
  ['null', null],
]);
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

class Parser {
  private at = 0;
  private readonly text: string;
  private readonly maxDepth: number;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.maxDepth = maxDepth;
  }

  document(): unknown {
    const value = this.value(0);
    this.match(SPACE);
    if (this.at < this.text.length) this.fail('text after the value');
    return value;
  }

  private fail(problem: string): never {
    throw new StrictJsonError(problem, this.at);
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  /** Skips white space, then this character if it is next. */
  private next(character: string): boolean {
    this.match(SPACE);
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private value(depth: number): unknown {
    if (depth > this.maxDepth) this.fail(`more than ${this.maxDepth} levels`);
    if (this.next('{')) return this.object(depth);
    if (this.next('[')) return this.array(depth);
    if (this.next('"')) return this.string();
    for (const [word, value] of WORDS)
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    return this.number();
  }

  private number(): number {
    const start = this.at;
    const digits = this.match(NUMBER);
    if (digits === undefined) this.fail('no JSON value');
    const value = Number(digits);
    if (Math.abs(value) <= Number.MAX_SAFE_INTEGER) return value;
    this.at = start;
    return this.fail('a number beyond 2^53');
  }

  private array(depth: number): unknown[] {
    const items: unknown[] = [];
    if (this.next(']')) return items;
    do items.push(this.value(depth + 1));
    while (this.next(','));
    if (!this.next(']')) this.fail('an array without end');
    return items;
  }

  private object(depth: number): object {
    const members: [string, unknown][] = [];
    const seen = new Set<string>();
    if (this.next('}')) return {};
    do {
      if (!this.next('"')) this.fail('a member without a key');
      const start = this.at;
      const key = this.string();
      const folded = foldKey(key);
      if (seen.has(folded)) {
        this.at = start;
        this.fail('a key that folds to another of its object');
      }
      seen.add(folded);
      if (!this.next(':')) this.fail('a key without a value');
      members.push([key, this.value(depth + 1)]);
    } while (this.next(','));
    if (!this.next('}')) this.fail('an object without end');
    // Defines own members, `__proto__` too.
    return Object.fromEntries(members);
  }

  /** After the opening quote. */
  private string(): string {
    const start = this.at;
    let value = '';
    for (;;) {
      value += this.match(PLAIN) ?? '';
      const character = this.text[this.at];
      this.at += 1;
      if (character === '"') break;
      if (character !== '\\') {
        this.at -= 1;
        this.fail(character === undefined ? 'a string without end' : 'a control character in a string');
      }
      value += this.escape();
    }
    // Go replaces a lone surrogate, JavaScript keeps it.
    if (/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(value)) {
      this.at = start;
      this.fail('a lone surrogate');
    }
    return value;
  }

  /** After the backslash. */
  private escape(): string {
    const character = this.text[this.at] ?? '';
    this.at += 1;
    if (character !== 'u') return ESCAPES.get(character) ?? this.fail('an unknown escape');
    const hex = this.match(HEX);
    return hex === undefined ? this.fail('an unknown escape') : String.fromCharCode(Number.parseInt(hex, 16));
  }
}
