import { type Checkpoint, fromBase64, parseCheckpoint, parseDecimal, toBase64 } from './checkpoint.ts';
import { isQuorumMet, type LogPolicy } from './log-policy.ts';
import { HASH_BYTES, verifyInclusion } from './merkle.ts';
import { type Cosignature, openNote } from './note.ts';

/** Proofs that an entry is in a log, in one file (C2SP tlog-proof v1, `.tlog-proof`). */

const MAGIC = 'c2sp.org/tlog-proof@v1';
const EXTRA = 'extra ';
const INDEX = 'index ';
/** No tree is higher than its sizes have bits. */
const MAX_PATH = 63;
/** Twice what a note may have. */
const MAX_PROOF_CHARACTERS = 2_000_000;

export interface LogProof {
  /** Whatever the maker put beside it. Never authenticated. */
  readonly extra?: Uint8Array;
  readonly index: number;
  /** From the sibling of the leaf upward. */
  readonly path: readonly Uint8Array[];
  /** The checkpoint as the log serves it, with its cosignatures. */
  readonly note: string;
}

export function formatLogProof({ extra, index, path, note }: LogProof): string {
  const lines = [MAGIC, ...(extra ? [EXTRA + toBase64(extra)] : []), `${INDEX}${index}`, ...path.map(toBase64)];
  return `${lines.join('\n')}\n\n${note}`;
}

/** Lines of one SHA-256 each, at most 63, else `undefined`. */
export function parseHashes(lines: readonly string[]): Uint8Array[] | undefined {
  if (lines.length > MAX_PATH) return undefined;
  const hashes = lines.flatMap((line) => {
    const hash = fromBase64(line);
    return hash?.length === HASH_BYTES ? [hash] : [];
  });
  return hashes.length === lines.length ? hashes : undefined;
}

/** The parts of a proof, none of them verified; `undefined` for what is written in any other way. */
export function parseLogProof(proof: string): LogProof | undefined {
  const at = proof.length > MAX_PROOF_CHARACTERS ? -1 : proof.indexOf('\n\n');
  const [magic, ...lines] = proof.slice(0, Math.max(at, 0)).split('\n');
  const extraText = lines[0]?.startsWith(EXTRA) ? lines.shift()?.slice(EXTRA.length) : undefined;
  const [indexLine = '', ...hashes] = lines;
  const extra = extraText === undefined ? undefined : fromBase64(extraText);
  const index = indexLine.startsWith(INDEX) ? parseDecimal(indexLine.slice(INDEX.length)) : undefined;
  const path = parseHashes(hashes);
  if (magic !== MAGIC || index === undefined || !path) return undefined;
  if (extraText !== undefined && !extra?.length) return undefined;
  return { ...(extra ? { extra } : {}), index, path, note: proof.slice(at + 2) };
}

export type ProofVerdict =
  | {
      readonly kind: 'proven';
      readonly index: number;
      readonly checkpoint: Checkpoint;
      /** Of witnesses of the policy and of the log itself. Their times are theirs to say. */
      readonly cosignatures: readonly Cosignature[];
    }
  | { readonly kind: 'refused'; readonly why: string };

const refused = (why: string): ProofVerdict => ({ kind: 'refused', why });

/**
 * Verifies that the leaf hash `leaf` is in a log that the policy names, under a checkpoint that this log signed and enough
 * witnesses cosigned.
 */
export function verifyLogProof(proof: string, leaf: Uint8Array, policy: LogPolicy): ProofVerdict {
  const parsed = parseLogProof(proof);
  if (!parsed) return refused('it is no tlog-proof');
  const keys = [...policy.logs, ...policy.witnesses].map(({ key }) => key);
  const opened = openNote(parsed.note, keys);
  if (opened.kind !== 'opened') return refused(opened.why);
  const checkpoint = parseCheckpoint(opened.text);
  if (!checkpoint) return refused('what is signed is no checkpoint');
  const ofLog = policy.logs.filter(({ key }) => key.name === checkpoint.origin);
  if (!ofLog.some(({ key }) => opened.signers.includes(key)))
    return refused('the checkpoint is not signed by a log that is believed under this origin');
  if (!isQuorumMet(policy, opened.signers)) {
    const open = opened.notCheckable.length;
    return refused(`too few witnesses cosigned the checkpoint${open > 0 ? `; ${open} cannot be checked here` : ''}`);
  }
  const { index, path } = parsed;
  if (!verifyInclusion(leaf, index, checkpoint.size, path, checkpoint.root))
    return refused('the path does not lead from the entry to the signed root');
  return { kind: 'proven', index, checkpoint, cosignatures: opened.cosignatures };
}
