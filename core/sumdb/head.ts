import { Fault } from '../faults.ts';
import type { KeptHead } from '../ports/head-store.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';
import { openNote, type VerifierKey } from '../tlog/note.ts';
import type { Refusal } from '../verdict.ts';
import { Contradiction, invalidProof, NoAnswer } from './evidence.ts';
import type { TreeHead } from './tree.ts';

/** First line of every tree head of a Go checksum database, ours included. */
export const TREE_ORIGIN = 'go.sum database tree';
const FROZEN_HOURS = 72;
const HOUR_MS = 3_600_000;

/** A signed head. What is no note is `NoAnswer`; a note that another key signed is a `Contradiction`. */
export function openHead(note: string, key: VerifierKey, where: string): TreeHead {
  const opened = openNote(note, [key]);
  if (opened.kind === 'malformed') throw new NoAnswer(`${where} of ${key.name} is no signed note: ${opened.why}`);
  const contradicts = (expected: string, found: string) =>
    new Contradiction(invalidProof(where, expected, found), { heads: [{ note }] });
  if (opened.kind !== 'opened') throw contradicts(`a tree head signed by ${key.name}+${key.id}`, opened.why);
  const head = parseCheckpoint(opened.text);
  if (head?.origin !== TREE_ORIGIN) throw contradicts(`a head of a "${TREE_ORIGIN}"`, opened.text);
  return { size: head.size, root: head.root, note };
}

export function openKeptHead(kept: KeptHead, key: VerifierKey): TreeHead {
  try {
    return openHead(kept.note, key, 'the kept head');
  } catch (error) {
    throw new Fault('EvidenceMissing', `the kept head of ${key.name} does not open`, { cause: error });
  }
}

/** A database that shows the same tree for three days has stopped, or shows us an old one. It refuses nothing by itself. */
export function frozenSince(where: string, { size, seenAt }: KeptHead, now: string): Refusal | undefined {
  if (seenAt === undefined || Date.parse(now) - Date.parse(seenAt) <= FROZEN_HOURS * HOUR_MS) return undefined;
  return {
    code: 'sumdb.frozen',
    where,
    expected: `a tree that grows within ${FROZEN_HOURS} hours`,
    found: `${size} records since ${seenAt}`,
    fix: 'Ask the database by another way: this one may be held back, and newer records with it.',
  };
}
