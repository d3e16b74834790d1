import { Fault } from '../faults.ts';
import type { SourceFile } from '../ports/source-host.ts';

/** `.gitattributes` of a tree (gitattributes): which attributes a path has. Only those of a commit, none of a machine. */

/** `true`: set, `false`: unset (`-name`), a text: its value. */
export type AttributeValue = string | boolean;

interface Rule {
  /** Folder of the file that holds the rule, with a trailing `/`; `''` is the root. */
  readonly folder: string;
  /** Without a slash it is matched with names, else with paths below `folder`. */
  readonly pattern: string;
  /** `undefined`: unspecified again (`!name`). */
  readonly attributes: readonly (readonly [name: string, value: AttributeValue | undefined])[];
}

/** Git itself ignores longer lines and larger files. */
const MAX_LINE_BYTES = 2048;
const MAX_FILE_BYTES = 100 * 1024 * 1024;
/** Comparisons of a character with a pattern's, for a whole tree; a hostile tree could ask for years of them. */
const MAX_STEPS = 10_000_000;

function readAssignment(word: string): readonly [string, AttributeValue | undefined] {
  if (word.startsWith('-')) return [word.slice(1), false];
  if (word.startsWith('!')) return [word.slice(1), undefined];
  const equals = word.indexOf('=');
  return equals < 0 ? [word, true] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** An attribute that stands for others while it is set. */
const BINARY: Rule['attributes'] = [
  ['diff', false],
  ['merge', false],
  ['text', false],
];

/** A pattern may be written as a C string. */
function splitPattern(line: string): readonly [pattern: string, rest: string] {
  const quoted = /^"((?:[^"\\]|\\.)*)"(.*)$/.exec(line);
  if (quoted) return [(quoted[1] ?? '').replace(/\\(.)/g, '$1'), quoted[2] ?? ''];
  const space = line.search(/[ \t]/);
  return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space)];
}

type Macros = Map<string, Rule['attributes']>;

/** Rules of one file in order; macros are defined at the root only and hold for all files. */
function readRules(text: string, folder: string, macros: Macros): Rule[] {
  const rules: Rule[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, '');
    if (line === '' || line.startsWith('#') || Buffer.byteLength(raw) > MAX_LINE_BYTES) continue;
    const [pattern, rest] = splitPattern(line);
    const attributes = rest
      .split(/[ \t\r]+/)
      .filter(Boolean)
      .map(readAssignment);
    if (pattern.startsWith('[attr]')) {
      if (folder === '') macros.set(pattern.slice('[attr]'.length), attributes);
      continue;
    }
    // Negative patterns are forbidden and ignored; a pattern of a folder says nothing of the files in it.
    if (!pattern.startsWith('!') && !pattern.endsWith('/')) rules.push({ folder, pattern, attributes });
  }
  return rules;
}

/** One class `[…]`: the index behind it and whether it holds the character; `undefined` when it never closes. */
function matchClass(pattern: string, at: number, char: string): { end: number; matches: boolean } | undefined {
  let index = at + 1;
  const negated = pattern[index] === '!' || pattern[index] === '^';
  if (negated) index += 1;
  let matches = false;
  for (let first = true; first || pattern[index] !== ']'; first = false) {
    if (pattern[index] === '\\') index += 1;
    const low = pattern[index];
    if (low === undefined) return undefined;
    index += 1;
    let high = low;
    if (pattern[index] === '-' && pattern[index + 1] !== ']' && pattern[index + 1] !== undefined) {
      high = pattern[index + 1] ?? low;
      index += 2;
    }
    if (low <= char && char <= high) matches = true;
  }
  return { end: index + 1, matches: matches !== negated && char !== '/' };
}

const SPECIAL = /[*?[\\]/;

/** Git's wildmatch of a whole text: `*` and `?` stop at slashes, `**` as a whole element does not. Linear in both lengths. */
class Wildcard {
  readonly #steps: { left: number };
  constructor(steps: { left: number }) {
    this.#steps = steps;
  }

  matches(pattern: string, text: string): boolean {
    if (!SPECIAL.test(pattern)) return pattern === text;
    // The commonest kind, `*.bat`, costs no steps.
    if (pattern.startsWith('*') && !SPECIAL.test(pattern.slice(1)) && !text.includes('/'))
      return text.endsWith(pattern.slice(1));
    const failed = new Set<number>();
    const from = (p: number, t: number): boolean => {
      // Only a star leads to one place by two ways.
      const key = pattern[p] === '*' ? p * (text.length + 1) + t : -1;
      if (failed.has(key)) return false;
      if (--this.#steps.left < 0) throw new Fault('LimitExceeded', 'git: attributes take too long to match');
      const found = p === pattern.length ? t === text.length : this.#step(pattern, text, p, t, from);
      if (!found && key >= 0) failed.add(key);
      return found;
    };
    return from(0, 0);
  }

  #step(pattern: string, text: string, p: number, t: number, from: (p: number, t: number) => boolean): boolean {
    const char = text[t];
    if (pattern.startsWith('**', p) && (p === 0 || pattern[p - 1] === '/')) {
      // `**/` is any number of folders, none included; `/**` at the end is everything below.
      if (pattern[p + 2] === '/') return from(p + 3, t) || (char !== undefined && from(p, nextElement(text, t)));
      if (p + 2 === pattern.length) return true;
    }
    switch (pattern[p]) {
      case '*':
        return from(p + 1, t) || (char !== undefined && char !== '/' && from(p, t + 1));
      case '?':
        return char !== undefined && char !== '/' && from(p + 1, t + 1);
      case '[': {
        const found = char === undefined ? undefined : matchClass(pattern, p, char);
        return found?.matches === true && from(found.end, t + 1);
      }
      case '\\':
        return pattern[p + 1] === char && from(p + 2, t + 1);
      default:
        return pattern[p] === char && from(p + 1, t + 1);
    }
  }
}

const nextElement = (text: string, at: number): number => {
  const slash = text.indexOf('/', at);
  return slash < 0 ? text.length : slash + 1;
};
export const isAttributesFile = (path: string): boolean => /(?:^|\/)\.gitattributes$/.test(path);
const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);

/** `undefined` where an attribute is unspecified, by nobody or by `!name`. */
export type Attributes = ReadonlyMap<string, AttributeValue | undefined>;

/** What the rules say together: the last word first, and macros only where they are in force. */
function attributesBy(rules: readonly Rule[], macros: Macros): Attributes {
  const found = new Map<string, AttributeValue | undefined>();
  const fill = (attributes: Rule['attributes']): void => {
    for (const [name, value] of [...attributes].reverse()) {
      if (found.has(name)) continue;
      found.set(name, value);
      if (value === true) fill(macros.get(name) ?? []);
    }
  };
  for (const { attributes } of [...rules].reverse()) fill(attributes);
  return found;
}

/** Folders of `.gitattributes` files come before the folders in them, so that rules nearer to a file are later. */
export function readAttributes(tree: readonly SourceFile[], steps = MAX_STEPS): (path: string) => Attributes {
  const macros: Macros = new Map([['binary', BINARY]]);
  const rules = tree
    .filter(({ path, bytes }) => isAttributesFile(path) && bytes.length <= MAX_FILE_BYTES)
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length)
    .flatMap(({ path, bytes }) => readRules(new TextDecoder().decode(bytes), folderOf(path), macros));
  const wildcard = new Wildcard({ left: steps });
  const applies = ({ folder, pattern }: Rule, path: string): boolean => {
    if (!path.startsWith(folder)) return false;
    const below = path.slice(folder.length);
    const named = pattern.includes('/') ? below : below.slice(below.lastIndexOf('/') + 1);
    return wildcard.matches(pattern.replace(/^\//, ''), named);
  };
  return (path) =>
    attributesBy(
      rules.filter((rule) => applies(rule, path)),
      macros,
    );
}
