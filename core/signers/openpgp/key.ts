import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { PgpMalformed, PgpReader } from './packets.ts';

/** Public key packets of version 4 (RFC 9580 §5.5.2). Version 3 has no place any more, version 6 is not read yet. */

export interface PgpKey {
  /** 40 upper-case hex digits. */
  readonly fingerprint: string;
  readonly createdSeconds: number;
  readonly algorithm: 'rsa' | 'ecdsa' | 'eddsa' | 'ed25519';
  readonly key: KeyObject;
  /** Body of the packet: what signatures about this key are over. */
  readonly body: Buffer;
}

const MIN_RSA_BITS = 2048;
const OIDS: Readonly<Record<string, { crv: string; size: number }>> = {
  '2a8648ce3d030107': { crv: 'P-256', size: 32 },
  '2b81040022': { crv: 'P-384', size: 48 },
  '2b81040023': { crv: 'P-521', size: 66 },
};
const ED25519_LEGACY = '2b06010401da470f01';

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

function importKey(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new PgpMalformed('a key packet holds no key', { cause });
  }
}

function rsaKey(reader: PgpReader): KeyObject {
  const n = reader.mpi();
  const key = importKey({ kty: 'RSA', n: base64url(n), e: base64url(reader.mpi()) });
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw new PgpMalformed(`an RSA key of less than ${MIN_RSA_BITS} bits`);
  return key;
}

function ecdsaKey(reader: PgpReader): KeyObject {
  const curve = OIDS[reader.take(reader.byte()).toString('hex')];
  const point = reader.mpi();
  if (!curve || point.length !== 2 * curve.size + 1 || point[0] !== 4)
    throw new PgpMalformed('an unknown curve or point');
  const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
  return importKey({ kty: 'EC', crv: curve.crv, x: base64url(x), y: base64url(y) });
}

function legacyEdwardsKey(reader: PgpReader): KeyObject {
  const oid = reader.take(reader.byte()).toString('hex');
  const point = reader.mpi();
  if (oid !== ED25519_LEGACY || point.length !== 33 || point[0] !== 0x40)
    throw new PgpMalformed('an unknown EdDSA key');
  return importKey({ kty: 'OKP', crv: 'Ed25519', x: base64url(point.subarray(1)) });
}

/** `undefined` for a key of an algorithm that cannot sign, or that we do not read: an encryption subkey, DSA. */
function material(algorithm: number, reader: PgpReader): Pick<PgpKey, 'algorithm' | 'key'> | undefined {
  if (algorithm === 1 || algorithm === 3) return { algorithm: 'rsa', key: rsaKey(reader) };
  if (algorithm === 19) return { algorithm: 'ecdsa', key: ecdsaKey(reader) };
  if (algorithm === 22) return { algorithm: 'eddsa', key: legacyEdwardsKey(reader) };
  if (algorithm === 27)
    return { algorithm: 'ed25519', key: importKey({ kty: 'OKP', crv: 'Ed25519', x: base64url(reader.take(32)) }) };
  return undefined;
}

/** Prefix and body of a key, as everything that hashes a key takes it. */
export function keyMaterial(body: Buffer): Buffer {
  const prefix = Buffer.of(0x99, 0, 0);
  prefix.writeUInt16BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

export function readKey(body: Buffer): PgpKey | undefined {
  const reader = new PgpReader(body);
  if (reader.byte() !== 4) throw new PgpMalformed('a key that is not of version 4');
  const createdSeconds = reader.uint32();
  const read = material(reader.byte(), reader);
  // A fingerprint names a key and proves nothing: signatures are checked by the key itself.
  const fingerprint = createHash('sha1').update(keyMaterial(body)).digest('hex').toUpperCase();
  return read && { ...read, fingerprint, createdSeconds, body };
}
