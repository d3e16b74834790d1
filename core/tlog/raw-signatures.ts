import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Signatures by raw public keys, as notes and receipts carry them; a malformed signature is a false one. */

export const ED25519_KEY_BYTES = 32;
export const ED25519_SIGNATURE_BYTES = 64;
export const ML_DSA_44_KEY_BYTES = 1312;
export const ML_DSA_44_SIGNATURE_BYTES = 2420;

/** DER of a SubjectPublicKeyInfo up to the key: Ed25519 (RFC 8410), ML-DSA-44 (RFC 9881), an uncompressed P-256 point. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const ML_DSA_44_SPKI = Buffer.from('30820532300b06096086480165030403110382052100', 'hex');
const P256_SPKI = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
const P256_SPKI_BYTES = P256_SPKI.length + 64;

function importKey(spki: Uint8Array): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

const verifyWith = (
  digest: string | null,
  key: KeyObject | undefined,
  message: Uint8Array,
  signature: Uint8Array,
): boolean => key !== undefined && verify(digest, message, key, signature);

export const verifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  signature.length === ED25519_SIGNATURE_BYTES &&
  verifyWith(null, importKey(Buffer.concat([ED25519_SPKI, publicKey])), message, signature);

/** A P-256 key in the one DER spelling that its key ID is made of; a point off the curve is none. */
export const isP256Spki = (spki: Uint8Array): boolean =>
  spki.length === P256_SPKI_BYTES &&
  P256_SPKI.equals(spki.subarray(0, P256_SPKI.length)) &&
  importKey(spki) !== undefined;

/** An ASN.1 signature over the SHA-256 of `message`. */
export const verifyP256 = (spki: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  verifyWith('sha256', importKey(spki), message, signature);

const importMlDsa44 = (publicKey: Uint8Array) => importKey(Buffer.concat([ML_DSA_44_SPKI, publicKey]));

/** OpenSSL has ML-DSA from 3.5 on, whatever the version of Node. Any 1,312 bytes are a key, so one of zeros tells whether it is there. */
const hasMlDsa44 = importMlDsa44(new Uint8Array(ML_DSA_44_KEY_BYTES)) !== undefined;

/** Pure ML-DSA-44 without a context; `undefined` where the platform cannot tell. */
export function verifyMlDsa44(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean | undefined {
  if (!hasMlDsa44) return undefined;
  return (
    signature.length === ML_DSA_44_SIGNATURE_BYTES && verifyWith(null, importMlDsa44(publicKey), message, signature)
  );
}
