import { isPseudoVersion } from '../gosum/go-version.ts';

/** What a version that go made of a commit says of it (https://go.dev/ref/mod#pseudo-versions). */
export interface PseudoVersion {
  /** The tagged version that the commit comes after; `''` when there is none. */
  readonly base: string;
  /** `yyyymmddhhmmss`, UTC. */
  readonly time: string;
  /** The first 12 digits of the commit's id. */
  readonly revision: string;
}

/** The digits one lower; `undefined` below zero. */
const decrement = (digits: string): string | undefined =>
  /^0+$/.test(digits) ? undefined : (BigInt(digits) - 1n).toString();

/** `undefined` when the version is no pseudo-version, or one that no commit can have. */
export function parsePseudoVersion(version: string): PseudoVersion | undefined {
  if (!isPseudoVersion(version)) return undefined;
  const plain = version.replace(/\+incompatible$/, '');
  const [, before = '', time = '', revision = ''] = /^(.*)[.-](\d{14})-([0-9a-f]{12})$/.exec(plain) ?? [];
  if (revision === '') return undefined;
  if (!before.includes('-')) {
    // No earlier tag: `+incompatible` would need one, and `v1` cannot be the first version of a repository.
    return plain === version ? { base: '', time, revision } : undefined;
  }
  const [, numbers = '', patch = ''] = /^(v\d+\.\d+\.)(\d+)-0$/.exec(before) ?? [];
  if (numbers === '') return { base: before.replace(/\.0$/, ''), time, revision };
  const earlier = decrement(patch);
  return earlier === undefined ? undefined : { base: `${numbers}${earlier}`, time, revision };
}

/** A commit's time as pseudo-versions write it. */
export const pseudoTime = (seconds: number): string =>
  new Date(seconds * 1000)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/[^0-9]/g, '');
