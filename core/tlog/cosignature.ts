import { parseCheckpoint } from './checkpoint.ts';
import { ED25519_SIGNATURE_BYTES, ML_DSA_44_SIGNATURE_BYTES, verifyEd25519, verifyMlDsa44 } from './raw-signatures.ts';

/**
 * Cosignatures of checkpoints (C2SP tlog-cosignature v1): 8 bytes of POSIX seconds, big-endian, then the signature over a
 * message that says the same time.
 */

export type CosignatureKind = 'ed25519-cosignature' | 'ml-dsa-44-cosignature';
export interface Cosigner {
  readonly kind: CosignatureKind;
  readonly name: string;
  readonly publicKey: Uint8Array;
}

const TIME_BYTES = 8;
const SIGNATURE_BYTES: Record<CosignatureKind, number> = {
  'ed25519-cosignature': ED25519_SIGNATURE_BYTES,
  'ml-dsa-44-cosignature': ML_DSA_44_SIGNATURE_BYTES,
};
/** Twelve bytes: the label of the ML-DSA message ends in a zero. */
const SUBTREE_LABEL = Buffer.from('subtree/v1\n\0', 'latin1');
const MAX_NAME_BYTES = 255;

function uint64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** UTF-8 behind its length in one byte, else `undefined`. */
function shortText(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.length === 0 || bytes.length > MAX_NAME_BYTES ? undefined : Buffer.from([bytes.length, ...bytes]);
}

/** The ML-DSA message names the cosigner and the tree, not the note: extension lines are not in it. */
function subtreeMessage(cosigner: string, text: string, time: number): Uint8Array | undefined {
  const checkpoint = parseCheckpoint(text);
  const name = shortText(cosigner);
  const origin = checkpoint && shortText(checkpoint.origin);
  if (!name || !origin) return undefined;
  const parts = [SUBTREE_LABEL, name, uint64(time), origin, uint64(0), uint64(checkpoint.size), checkpoint.root];
  return new Uint8Array(Buffer.concat(parts));
}

/** What a cosigner signs: `undefined` where `text`, the text of a note, is no checkpoint that its kind can express. */
export function cosignedMessage({ kind, name }: Cosigner, text: string, time: number): Uint8Array | undefined {
  return kind === 'ed25519-cosignature'
    ? new TextEncoder().encode(`cosignature/v1\ntime ${time}\n${text}`)
    : subtreeMessage(name, text, time);
}

/**
 * The bytes of a cosignature for a signature line. `time` is in POSIX seconds, above zero: a cosignature without a time is
 * none of a witness. `RangeError` for another time or for a text that the kind cannot express.
 */
export async function cosign(
  cosigner: Cosigner,
  text: string,
  time: number,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const message = cosignedMessage(cosigner, text, time);
  if (!Number.isSafeInteger(time) || time <= 0 || !message)
    throw new RangeError('a cosignature is of a checkpoint, at a time in whole seconds');
  return new Uint8Array(Buffer.concat([uint64(time), await sign(message)]));
}

export type CheckedSignature =
  /** `time` in POSIX seconds, where the kind has one; 0 says nothing of the time, nor that the tree was the newest. */
  | { readonly kind: 'good'; readonly time?: number }
  | { readonly kind: 'bad' }
  /** This platform does not have the algorithm. */
  | { readonly kind: 'not-checkable' };

export function checkCosignature(cosigner: Cosigner, text: string, cosignature: Uint8Array): CheckedSignature {
  if (cosignature.length !== TIME_BYTES + SIGNATURE_BYTES[cosigner.kind]) return { kind: 'bad' };
  const time = Number(Buffer.from(cosignature.subarray(0, TIME_BYTES)).readBigUInt64BE());
  const message = Number.isSafeInteger(time) ? cosignedMessage(cosigner, text, time) : undefined;
  if (!message) return { kind: 'bad' };
  const verifySignature = cosigner.kind === 'ed25519-cosignature' ? verifyEd25519 : verifyMlDsa44;
  const verified = verifySignature(cosigner.publicKey, message, cosignature.subarray(TIME_BYTES));
  if (verified === undefined) return { kind: 'not-checkable' };
  return verified ? { kind: 'good', time } : { kind: 'bad' };
}
