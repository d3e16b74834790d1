import type { TenantId } from '../../events/fields.ts';
import { canonicalBytes } from '../canonical-json.ts';
import { type EvidenceRef, keepEvidence } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { toBase64 } from '../tlog/checkpoint.ts';
import type { Refusal } from '../verdict.ts';
import type { ProofTile, TreeHead } from './tree.ts';

/** What a checksum database said against itself, in a form that shows it to anyone without asking the database again. */

/** Bytes to keep with a refusal. Kinds: `tree-head` (a signed note), `sumdb-lookup` (a body), `sumdb-proof` (JSON). */
export interface SumdbEvidence {
  readonly kind: 'tree-head' | 'sumdb-lookup' | 'sumdb-proof';
  readonly mediaType: 'text/plain' | 'application/json';
  readonly bytes: Uint8Array;
}

export interface SumdbRefusal {
  readonly kind: 'refused';
  readonly reason: Refusal;
  readonly evidence: readonly SumdbEvidence[];
}

/** A refusal on its way out of a proof, with what it rests on; never leaves this folder. */
export class Contradiction extends Error {
  override readonly name = 'Contradiction';
  readonly reason: Refusal;
  readonly heads: readonly Pick<TreeHead, 'note'>[];
  readonly tiles: readonly ProofTile[];
  constructor(
    reason: Refusal,
    rests: { heads?: readonly Pick<TreeHead, 'note'>[]; tiles?: readonly ProofTile[] } = {},
  ) {
    super(reason.code);
    this.reason = reason;
    this.heads = rests.heads ?? [];
    this.tiles = rests.tiles ?? [];
  }
}

/** Bytes that are no answer at all: they prove nothing against the database. Never leaves this folder. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
}

const MAX_SHOWN = 1024;
const shown = (text: string) => text.slice(0, MAX_SHOWN);

export const invalidProof = (where: string, expected: string, found: string): Refusal => ({
  code: 'sumdb.proof-invalid',
  where: shown(where),
  expected: shown(expected),
  found: shown(found),
  fix: 'Do not use this proxy or database until it is known why its answers contradict its signature.',
});

export const forkedHeads = (where: string, ours: TreeHead, theirs: TreeHead): Refusal => ({
  code: 'sumdb.fork',
  where: shown(where),
  expected: shown(ours.note),
  found: shown(theirs.note),
  fix: 'Report both signed heads, kept as evidence: the database shows different histories to different readers.',
});

export const unknownModule = (where: string): Refusal => ({
  code: 'sumdb.unknown-module',
  where: shown(where),
  expected: 'a record in the checksum database',
  found: 'none',
  fix: 'Make the module fetchable by the public proxy, or declare it private.',
});

/** It refuses nothing by itself: what was proved rests on the database alone, as it does where no second way is set up. */
export const witnessUnreachable = (where: string, why: string): Refusal => ({
  code: 'sumdb.witness-unreachable',
  where: shown(where),
  expected: 'the newest tree head, to compare with ours',
  found: shown(why),
  fix: 'Make modules.checksumWitness answer: until then nobody notices a database that shows us a history of our own.',
});

const text = (kind: SumdbEvidence['kind'], content: string): SumdbEvidence => ({
  kind,
  mediaType: 'text/plain',
  bytes: Buffer.from(content, 'utf8'),
});

/**
 * The evidence of one contradiction: each head and the lookup as they were served, and one document that holds them with
 * all tiles of the computation, so that it can be repeated from the document and the database's key alone.
 */
export function evidenceOf(
  verifierKey: string,
  { reason, heads, tiles }: Contradiction,
  lookup: string | undefined,
): readonly SumdbEvidence[] {
  const notes = [...new Set(heads.map(({ note }) => note))];
  const proof = {
    schema: 'relseal.sumdb-proof/1',
    verifierKey,
    code: reason.code,
    heads: notes,
    ...(lookup === undefined ? {} : { lookup }),
    tiles: tiles.map(({ path, bytes }) => ({ path, bytes: toBase64(bytes) })),
  };
  return [
    ...notes.map((note) => text('tree-head', note)),
    ...(lookup === undefined ? [] : [text('sumdb-lookup', lookup)]),
    { kind: 'sumdb-proof', mediaType: 'application/json', bytes: canonicalBytes(proof) },
  ];
}

/** One contradiction shows what a database is; one that contradicts itself a thousand times gets no thousand files. */
const MAX_KEPT = 100;

/** Keeps what shows that a database contradicts itself, each piece once. */
export async function keepContradictions(
  worm: WormStore,
  tenant: TenantId,
  evidence: readonly SumdbEvidence[],
): Promise<EvidenceRef[]> {
  const kept = new Map<string, EvidenceRef>();
  for (const { kind, mediaType, bytes } of evidence.slice(0, MAX_KEPT)) {
    const reference = await keepEvidence(worm, tenant, kind, mediaType, bytes);
    kept.set(`${kind} ${reference.sha256}`, reference);
  }
  return [...kept.values()];
}
