import { type Cbor, decodeCbor, encodeCbor, Tagged } from './cbor.ts';
import { HASH_BYTES, rootOfInclusion } from './merkle.ts';
import { verifyEd25519 } from './raw-signatures.ts';

/**
 * Receipts of inclusion (RFC 9942) by Ed25519 keys: a COSE_Sign1 whose detached payload is the root of the tree, with the
 * path to it in the unprotected header. The key of a log may sign both these and notes: what is signed here begins with
 * byte 0x84, and no UTF-8 text does.
 */

const COSE_SIGN1 = 18;
/** Header labels: the algorithm, the kind of tree, the proofs. */
const ALGORITHM = 1;
const TREE_KIND = 395;
const PROOFS = 396;
const RFC9162_SHA256 = 1;
const INCLUSION_PROOFS = -1;
/** EdDSA. RFC 9864 prefers the number of Ed25519 alone, which few verifiers know yet: written is the old one, read both. */
const EDDSA = -8;
const ED25519 = -19;

export interface InclusionReceipt {
  readonly index: number;
  /** Of the tree; its smallest receipt is in a tree of two entries, since a path has at least one hash. */
  readonly size: number;
  readonly path: readonly Uint8Array[];
}

const signedBytes = (protectedHeader: Uint8Array, root: Uint8Array): Uint8Array =>
  encodeCbor(['Signature1', protectedHeader, new Uint8Array(), root]);

/**
 * Signs that the leaf hash `leaf` is in the tree that the path leads to. The caller MUST have checked that this is a tree
 * of its log. `RangeError` for a path that leads nowhere, and for a tree of one entry: RFC 9942 has no receipt for it.
 */
export async function signReceipt(
  { index, size, path }: InclusionReceipt,
  leaf: Uint8Array,
  sign: (message: Uint8Array) => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const root = path.length === 0 ? undefined : rootOfInclusion(leaf, index, size, path);
  if (!root) throw new RangeError('a receipt needs a path of at least one hash that fits the tree');
  const protectedHeader = encodeCbor(
    new Map([
      [ALGORITHM, EDDSA],
      [TREE_KIND, RFC9162_SHA256],
    ]),
  );
  const proofs: Cbor = new Map([[INCLUSION_PROOFS, [encodeCbor([size, index, [...path]])]]]);
  const signature = await sign(signedBytes(protectedHeader, root));
  return encodeCbor(new Tagged(COSE_SIGN1, [protectedHeader, new Map([[PROOFS, proofs]]), null, signature]));
}

const isHash = (value: Cbor): value is Uint8Array => value instanceof Uint8Array && value.length === HASH_BYTES;

function parseProof(unprotected: Cbor | undefined): InclusionReceipt | undefined {
  const proofs = unprotected instanceof Map ? unprotected.get(PROOFS) : undefined;
  const inclusion = proofs instanceof Map ? proofs.get(INCLUSION_PROOFS) : undefined;
  // Several proofs under one root are allowed; we make none, and one is what a caller can say something about.
  const [bytes, ...others] = Array.isArray(inclusion) ? inclusion : [];
  const proof = bytes instanceof Uint8Array && others.length === 0 ? decodeCbor(bytes) : undefined;
  const [size, index, path, ...rest] = Array.isArray(proof) ? proof : [];
  if (typeof size !== 'number' || typeof index !== 'number' || rest.length > 0) return undefined;
  if (!Array.isArray(path) || path.length === 0 || !path.every(isHash)) return undefined;
  return { size, index, path };
}

function isOurAlgorithm(protectedHeader: Uint8Array): boolean {
  const header = decodeCbor(protectedHeader);
  if (!(header instanceof Map)) return false;
  const algorithm = header.get(ALGORITHM);
  // Label 2 lists what a reader must understand beyond that; we understand nothing beyond it.
  return (algorithm === EDDSA || algorithm === ED25519) && header.get(TREE_KIND) === RFC9162_SHA256 && !header.has(2);
}

export interface ProvenReceipt extends InclusionReceipt {
  readonly root: Uint8Array;
}

/**
 * What a receipt proves of the leaf hash `leaf` under a raw Ed25519 public key; `undefined` when that is nothing. Which log
 * it is, only the key tells. What is signed is the root: that the leaf is below it is proved, while sizes and indices of
 * trees with a path of the same form cannot be told apart.
 */
export function verifyReceipt(receipt: Uint8Array, leaf: Uint8Array, publicKey: Uint8Array): ProvenReceipt | undefined {
  const outer = decodeCbor(receipt);
  if (!(outer instanceof Tagged) || outer.tag !== COSE_SIGN1 || !Array.isArray(outer.value)) return undefined;
  const [protectedHeader, unprotected, payload, signature, ...rest] = outer.value;
  if (!(protectedHeader instanceof Uint8Array) || !(signature instanceof Uint8Array)) return undefined;
  const proof = parseProof(unprotected);
  if (payload !== null || rest.length > 0 || !proof || !isOurAlgorithm(protectedHeader)) return undefined;
  const root = rootOfInclusion(leaf, proof.index, proof.size, proof.path);
  return root && verifyEd25519(publicKey, signedBytes(protectedHeader, root), signature)
    ? { ...proof, root }
    : undefined;
}
