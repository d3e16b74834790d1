import { createHash, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { SshMalformed, SshReader } from './ssh-wire.ts';

/** SSH public keys and raw signatures (RFC 4253 §6.6, RFC 5656, RFC 8332, RFC 8709, OpenSSH PROTOCOL.u2f). */

export interface SshKey {
  readonly type: string;
  /** The wire form: two keys are the same when these bytes are. */
  readonly blob: Uint8Array;
  /** `SHA256:…`, as ssh-keygen shows it. */
  readonly fingerprint: string;
  readonly key: KeyObject;
  /** Where the key lies in a security token: what the token says it is for. */
  readonly application?: string;
}

/** Shorter RSA keys are refused whatever they sign. */
const MIN_RSA_BITS = 2048;
const CURVES: Readonly<Record<string, { name: string; size: number; hash: string }>> = {
  nistp256: { name: 'P-256', size: 32, hash: 'sha256' },
  nistp384: { name: 'P-384', size: 48, hash: 'sha384' },
  nistp521: { name: 'P-521', size: 66, hash: 'sha512' },
};
const RSA_HASHES: Readonly<Record<string, string>> = { 'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512' };
/** A token signs only when somebody touched it. */
const USER_PRESENT = 0x01;

const base64url = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');

function importKey(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch (cause) {
    throw new SshMalformed('its key is none', { cause });
  }
}

function ellipticKey(reader: SshReader): KeyObject {
  const curve = CURVES[reader.text()];
  const point = reader.string();
  if (!curve || point.length !== 2 * curve.size + 1 || point[0] !== 4)
    throw new SshMalformed('its curve or point is unknown');
  const [x, y] = [point.subarray(1, 1 + curve.size), point.subarray(1 + curve.size)];
  return importKey({ kty: 'EC', crv: curve.name, x: base64url(x), y: base64url(y) });
}

function edwardsKey(reader: SshReader): KeyObject {
  const x = reader.string();
  if (x.length !== 32) throw new SshMalformed('its point is not of 32 bytes');
  return importKey({ kty: 'OKP', crv: 'Ed25519', x: base64url(x) });
}

function rsaKey(reader: SshReader): KeyObject {
  const e = reader.mpint();
  const n = reader.mpint();
  const key = importKey({ kty: 'RSA', n: base64url(n), e: base64url(e) });
  if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_RSA_BITS)
    throw new SshMalformed(`it is shorter than ${MIN_RSA_BITS} bits`);
  return key;
}

/** A key by its wire form. Throws `SshMalformed`; certificates are not keys. */
export function readSshKey(blob: Uint8Array): SshKey {
  const reader = new SshReader(blob);
  const type = reader.text();
  const isToken = /^sk-.*@openssh\.com$/.test(type);
  let key: KeyObject;
  if (type === 'ssh-rsa') key = rsaKey(reader);
  else if (/^(?:sk-)?ssh-ed25519(?:@openssh\.com)?$/.test(type)) key = edwardsKey(reader);
  else if (/^(?:sk-)?ecdsa-sha2-nistp(?:256|384|521)(?:@openssh\.com)?$/.test(type)) key = ellipticKey(reader);
  else throw new SshMalformed(`keys of type ${type.slice(0, 64)} are not known`);
  const application = isToken ? reader.text() : undefined;
  reader.end();
  const fingerprint = `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
  return { type, blob, fingerprint, key, ...(application === undefined ? {} : { application }) };
}

/** What a security token signs in place of the message. */
function tokenMessage(key: SshKey, message: Uint8Array, flags: number, counter: Uint8Array): Buffer {
  const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest();
  return Buffer.concat([sha256(key.application ?? ''), Buffer.of(flags), counter, sha256(message)]);
}

/** Whether a signature in wire form is this key's over the message. Throws `SshMalformed` for what is no signature. */
export function verifySshSignature(key: SshKey, message: Uint8Array, signature: Uint8Array): boolean {
  const reader = new SshReader(signature);
  const algorithm = reader.text();
  const blob = reader.string();
  let signed: Uint8Array = message;
  if (key.application !== undefined) {
    const flags = reader.byte();
    const counter = reader.take(4);
    if ((flags & USER_PRESENT) === 0) return false;
    signed = tokenMessage(key, message, flags, counter);
  }
  reader.end();
  if (key.type === 'ssh-rsa') {
    const hash = RSA_HASHES[algorithm];
    return hash !== undefined && verify(hash, signed, key.key, blob);
  }
  // The algorithm is the key's own: a signature that names another is none.
  if (algorithm !== key.type) return false;
  if (key.type.includes('ed25519')) return verify(null, signed, key.key, blob);
  return verifyElliptic(key, signed, blob);
}

function verifyElliptic(key: SshKey, signed: Uint8Array, blob: Uint8Array): boolean {
  const curve = CURVES[/nistp\d+/.exec(key.type)?.[0] ?? ''];
  if (!curve) return false;
  const reader = new SshReader(blob);
  const parts = [reader.mpint(), reader.mpint()];
  reader.end();
  if (parts.some((part) => part.length > curve.size)) return false;
  const fixed = parts.map((part) => Buffer.concat([Buffer.alloc(curve.size - part.length), part]));
  return verify(curve.hash, signed, { key: key.key, dsaEncoding: 'ieee-p1363' }, Buffer.concat(fixed));
}
