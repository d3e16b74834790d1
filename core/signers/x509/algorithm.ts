import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { DER, type DerReader } from './der.ts';

/** Keys and signatures that prove something: RSA from 2048 bits, ECDSA on P-256 and P-384, Ed25519; SHA-2 only. */

export type Hash = 'sha256' | 'sha384' | 'sha512';

const HASHES: Readonly<Record<string, Hash>> = {
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

interface Scheme {
  readonly keyType: 'rsa' | 'ec' | 'ed25519';
  /** Absent: the scheme names none, so the digest of the content says it (RFC 3370 §3.2). */
  readonly hash?: Hash;
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  '1.2.840.113549.1.1.1': { keyType: 'rsa' },
  '1.2.840.113549.1.1.11': { keyType: 'rsa', hash: 'sha256' },
  '1.2.840.113549.1.1.12': { keyType: 'rsa', hash: 'sha384' },
  '1.2.840.113549.1.1.13': { keyType: 'rsa', hash: 'sha512' },
  '1.2.840.10045.4.3.2': { keyType: 'ec', hash: 'sha256' },
  '1.2.840.10045.4.3.3': { keyType: 'ec', hash: 'sha384' },
  '1.2.840.10045.4.3.4': { keyType: 'ec', hash: 'sha512' },
  // With signed attributes the digest is SHA-512, and no other (RFC 8419 §3.1).
  '1.3.101.112': { keyType: 'ed25519', hash: 'sha512' },
};

const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
const CURVES = ['prime256v1', 'secp384r1'];

/** An AlgorithmIdentifier of those that take no parameters. */
export function readAlgorithm(reader: DerReader): string {
  const parts = reader.within(DER.sequence);
  const oid = parts.oid();
  parts.optional(DER.null);
  parts.end();
  return oid;
}

export const hashOf = (oid: string): Hash | undefined => HASHES[oid];

function isStrong({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  const { modulusLength = 0, namedCurve = '' } = asymmetricKeyDetails ?? {};
  if (asymmetricKeyType === 'rsa') return modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS;
  return asymmetricKeyType === 'ed25519' || (asymmetricKeyType === 'ec' && CURVES.includes(namedCurve));
}

/** The key of a SubjectPublicKeyInfo; `undefined` for one that proves nothing. */
export function publicKeyOf(spki: Uint8Array): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
    return isStrong(key) ? key : undefined;
  } catch {
    // OpenSSL knows many reasons; to us it is no key that can be used.
    return undefined;
  }
}

/** @param digest what the content was hashed with; absent in certificates, where the scheme has to name its own. */
export function isSignedWith(
  oid: string,
  digest: Hash | undefined,
  key: KeyObject,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  const scheme = SCHEMES[oid];
  const hash = scheme?.hash ?? digest;
  if (!scheme || !hash || scheme.keyType !== key.asymmetricKeyType || (digest && hash !== digest)) return false;
  return verify(scheme.keyType === 'ed25519' ? null : hash, bytes, key, signature);
}
