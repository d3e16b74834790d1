import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Sha256Hex } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';

/** The only payload type we sign or accept; compared exactly. */
export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

/** DSSE v1 pre-authentication encoding: what the signature is over. Lengths are of bytes. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);
}

/** The digest a `Signer` is asked to sign. */
export const dsseDigest = (payload: Uint8Array): Uint8Array =>
  createHash('sha256').update(preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload)).digest();

/** ECDSA P-256 over SHA-256, DER: key and algorithm are ours, never the envelope's. */
export const isSignedBy = (spki: Uint8Array, payload: Uint8Array, signature: Uint8Array): boolean =>
  verify('sha256', preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload), artifactKey(spki), signature);

function artifactKey(spki: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new Fault('ConfigurationInvalid', 'the artifact key is no public key', { cause });
  }
  if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== 'prime256v1')
    throw new Fault('ConfigurationInvalid', 'the artifact key is not an ECDSA P-256 key');
  return key;
}

/** Names a key: lower-case hex SHA-256 of its SubjectPublicKeyInfo. */
export const keyIdOf = (spki: Uint8Array): Sha256Hex => sha256Hex(spki);
