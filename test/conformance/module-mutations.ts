import type { FaultName } from '../../core/faults.ts';
import type { Corpus, Release } from './module-corpus.ts';

/** How a mutation is made, and what must become of it. */

/** Numbers from 0 to below `bound`, the same ones for the same seed. */
export type Random = (bound: number) => number;

export function randomOf(seed: string): Random {
  let state = 0x811c9dc5;
  for (const character of seed) state = Math.imul(state ^ (character.codePointAt(0) ?? 0), 0x01000193);
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

export function oneOf<T>(random: Random, values: readonly T[]): T {
  const value = values[random(values.length)];
  if (value === undefined) throw new Error('nothing to choose from');
  return value;
}

/**
 * `refused`: the first code must be among the reasons, and no code may be that is not listed. An empty string in front:
 * any of those listed will do. `pass`: it means the same as what it was made of.
 */
export type Expected =
  | { readonly kind: 'pass' }
  | { readonly kind: 'refused'; readonly codes: readonly string[] }
  | { readonly kind: 'fault'; readonly fault: FaultName };

export const PASS: Expected = { kind: 'pass' };
export const refused = (...codes: readonly string[]): Expected => ({ kind: 'refused', codes });
export const fault = (name: FaultName): Expected => ({ kind: 'fault', fault: name });

export interface Mutation {
  /** What was done where. */
  readonly what: string;
  readonly release: Release;
  readonly expected: Expected;
}

export interface MutationKind {
  readonly name: string;
  readonly rounds: number;
  make(corpus: Corpus, random: Random, round: number): Mutation | Promise<Mutation>;
}

export const textOf = (release: Release, path: string): string =>
  Buffer.from(release.tree.get(path) ?? []).toString('utf8');

/** The release with one file of its tree changed, or without it. */
export function withFile(release: Release, path: string, content: string | Uint8Array | undefined): Release {
  const tree = new Map(release.tree);
  if (content === undefined) tree.delete(path);
  else tree.set(path, typeof content === 'string' ? Buffer.from(content) : content);
  return { ...release, tree };
}

/** The bytes with one bit of one of them changed. */
export function flipBit(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
  return flipped;
}
