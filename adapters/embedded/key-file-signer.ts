import { createECDH, createHmac, createPublicKey, type KeyObject } from 'node:crypto';
import { Fault } from '../../core/faults.ts';
import type { Signer } from '../../core/ports/signer.ts';
import { readKeyFile } from './key-file.ts';

/** Order of P-256's group (SEC 2 §2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const SCALAR_BYTES = 32;

const toScalar = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const toBytes = (scalar: bigint): Buffer => Buffer.from(scalar.toString(16).padStart(SCALAR_BYTES * 2, '0'), 'hex');

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = base % ORDER, rest = exponent; rest > 0n; rest >>= 1n, square = (square * square) % ORDER)
    if (rest & 1n) result = (result * square) % ORDER;
  return result;
}

/** The order is prime, so Fermat inverts. */
const inverse = (scalar: bigint): bigint => power(scalar, ORDER - 2n);

/** RFC 6979 §3.2 with SHA-256: nonces that no weak source of chance can repeat. */
function* nonces(secret: bigint, digest: Uint8Array): Generator<bigint> {
  const hmac = (key: Uint8Array, ...parts: Uint8Array[]) => {
    const mac = createHmac('sha256', key);
    for (const part of parts) mac.update(part);
    return mac.digest();
  };
  const seed = Buffer.concat([toBytes(secret), toBytes(toScalar(digest) % ORDER)]);
  let value: Buffer = Buffer.alloc(SCALAR_BYTES, 1);
  let key: Buffer = Buffer.alloc(SCALAR_BYTES, 0);
  for (const mark of [0, 1]) {
    key = hmac(key, value, Buffer.of(mark), seed);
    value = hmac(key, value);
  }
  for (;;) {
    value = hmac(key, value);
    const nonce = toScalar(value);
    if (nonce > 0n && nonce < ORDER) yield nonce;
    key = hmac(key, value, Buffer.of(0));
    value = hmac(key, value);
  }
}

/** DER of an integer below 2^256. */
function derInteger(scalar: bigint): Buffer {
  const bytes = toBytes(scalar);
  const first = bytes.findIndex((byte) => byte !== 0);
  const significant = bytes.subarray(first);
  const padded = (significant[0] ?? 0) > 0x7f ? Buffer.concat([Buffer.of(0), significant]) : significant;
  return Buffer.concat([Buffer.of(2, padded.length), padded]);
}

/**
 * ECDSA over a digest that is already made. Node signs messages only, never digests, so the equation of FIPS 186-5 §6.4.1
 * is solved here; the multiplication of the curve's generator stays with OpenSSL.
 */
export function signDigest(secret: bigint, digest: Uint8Array): Uint8Array {
  if (digest.length !== SCALAR_BYTES) throw new Fault('InputInvalid', 'a SHA-256 digest has 32 bytes');
  const curve = createECDH('prime256v1');
  for (const nonce of nonces(secret, digest)) {
    curve.setPrivateKey(toBytes(nonce));
    const r = toScalar(curve.getPublicKey().subarray(1, 1 + SCALAR_BYTES)) % ORDER;
    const s = (inverse(nonce) * ((toScalar(digest) + r * secret) % ORDER)) % ORDER;
    if (r === 0n || s === 0n) continue;
    const body = Buffer.concat([derInteger(r), derInteger(s)]);
    return new Uint8Array(Buffer.concat([Buffer.of(0x30, body.length), body]));
  }
  throw new Fault('SignerUnavailable', 'no nonce was found');
}

function secretOf(key: KeyObject): bigint {
  const { d } = key.export({ format: 'jwk' });
  if (d === undefined) throw new Fault('ConfigurationInvalid', 'the key file holds no private scalar');
  return toScalar(Buffer.from(d, 'base64url'));
}

/** The artifact key from an encrypted key file; the passphrase is needed once, here. */
export async function keyFileSigner(path: string, passphrase: string): Promise<Signer> {
  const key = await readKeyFile(path, 'artifact', passphrase);
  const publicKey = new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));
  const secret = secretOf(key);
  return { publicKey: async () => publicKey, sign: async (digest) => signDigest(secret, digest) };
}
