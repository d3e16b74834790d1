import { Fault } from './faults.ts';

/** Deeper values are no data of ours; a value that holds itself ends here, too. */
const MAX_DEPTH = 256;

const refuse = (why: string): never => {
  throw new Fault('InputInvalid', why);
};

/** Letters that JSON writes as they are. */
const PLAIN = /^[ !#-[\]-~]*$/;

function writtenString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return text.isWellFormed() ? JSON.stringify(text) : refuse('a text with half a surrogate pair has no JSON form');
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function writtenObject(value: object, depth: number): string {
  if (depth > MAX_DEPTH) refuse(`a value of more than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) return `[${value.map((item) => written(item, depth) ?? 'null').join(',')}]`;
  // A date, a map or bytes would be written as something that they are not, and hashed so.
  if (!isPlain(value)) refuse('an object of a class has no JSON form');
  let members = '';
  // Keys in the order of their UTF-16 code units: that of a plain sort.
  for (const key of Object.keys(value).sort()) {
    const member = written((value as Readonly<Record<string, unknown>>)[key], depth);
    if (member !== undefined) members += `${members === '' ? '' : ','}${writtenString(key)}:${member}`;
  }
  return `{${members}}`;
}

/** `undefined` for what JSON leaves out. */
function written(value: unknown, depth: number): string | undefined {
  switch (typeof value) {
    case 'string':
      return writtenString(value);
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : refuse(`${value} has no JSON form`);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return value === null ? 'null' : writtenObject(value, depth + 1);
    case 'undefined':
      return undefined;
    default:
      return refuse(`a ${typeof value} has no JSON form`);
  }
}

/**
 * RFC 8785 text of plain data. Members that are undefined are left out; numbers that are not finite, half surrogate
 * pairs, functions, symbols, big integers and objects of a class are `InputInvalid`.
 */
export const canonicalJson = (value: unknown): string => written(value, 0) ?? refuse('the value has no JSON form');

export const canonicalBytes = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value));

function hasSortedMembers(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every(hasSortedMembers);
  let before: string | undefined;
  for (const [name, member] of Object.entries(value)) {
    if ((before !== undefined && name <= before) || !hasSortedMembers(member)) return false;
    before = name;
  }
  return true;
}

/**
 * Whether `text` is the RFC 8785 text of `value`, which was parsed from it. Where the platform writes the same text it is,
 * and that is found several times as fast: its writer differs in half surrogate pairs and the order of members alone.
 */
export const isCanonicalJson = (text: string, value: unknown): boolean =>
  (!text.includes('\\ud') && JSON.stringify(value) === text && hasSortedMembers(value)) ||
  canonicalJson(value) === text;
