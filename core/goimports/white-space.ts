/** White space as package unicode has it: `\p{Z}` and six control characters; JavaScript's own differs in two. */

/** One white space character, for use in patterns with the flag `u`. */
export const SPACE = '[\\t\\n\\v\\f\\r\\u0085\\p{Z}]';
const IS_SPACE = new RegExp(`^${SPACE}$`, 'u');
const SPACES = new RegExp(`${SPACE}+`, 'u');

const isSpaceAt = (text: string, at: number): boolean => IS_SPACE.test(text.charAt(at));

/** Looked at from both ends: a pattern for the end of a text would try every space in it. */
export function trimSpace(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && isSpaceAt(text, start)) start += 1;
  while (end > start && isSpaceAt(text, end - 1)) end -= 1;
  return text.slice(start, end);
}

export const wordsOf = (text: string): string[] => text.split(SPACES).filter((word) => word !== '');
