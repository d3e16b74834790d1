/** Where things stand in a go.mod that was read: findings name its lines. */

export interface GoModPlaces {
  /** `go.mod:<line>` of the first directive that begins with these words, at most three; `go.mod` where there is none. */
  first(...words: readonly string[]): string;
  /** What a line says, its comment left out. */
  wordsOf(line: number): readonly string[];
}

const MAX_WORDS = 3;

const unquoted = (word: string): string => word.replace(/^["`](.*)["`]$/, '$1');
const wordsOfRow = (row: string): readonly string[] =>
  (row.split('//', 1)[0] ?? '').split(/\s+/).filter(Boolean).map(unquoted);

/** Reads the lines once: a file may have very many of them. */
export function readPlaces(text: string): GoModPlaces {
  const rows = text.split('\n').map(wordsOfRow);
  const lines = new Map<string, number>();
  let block: string | undefined;
  for (const [at, words] of rows.entries()) {
    const [verb, opening] = words;
    if (verb === undefined) continue;
    if (block !== undefined && verb === ')') block = undefined;
    else if (block === undefined && opening === '(') block = words.length === 2 ? verb : undefined;
    else {
      const all = block === undefined ? words : [block, ...words];
      for (let count = 1; count <= Math.min(MAX_WORDS, all.length); count += 1) {
        const key = all.slice(0, count).join(' ');
        if (!lines.has(key)) lines.set(key, at + 1);
      }
    }
  }
  return {
    first: (...words) => {
      const line = lines.get(words.join(' '));
      return line === undefined ? 'go.mod' : `go.mod:${line}`;
    },
    wordsOf: (line) => rows[line - 1] ?? [],
  };
}
