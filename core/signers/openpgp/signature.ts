import { createHash, verify } from 'node:crypto';
import type { PgpKey } from './key.ts';
import { PgpMalformed, PgpReader, readSubpackets, type Subpacket } from './packets.ts';

/** Signature packets of version 4 (RFC 9580 §5.2.3). */

export interface PgpSignature {
  readonly type: number;
  readonly algorithm: number;
  readonly hash: string;
  /** What the hash ends with, from the version to the hashed subpackets. */
  readonly hashedPart: Buffer;
  readonly left16: number;
  readonly values: readonly Buffer[];
  /** Seconds since 1970. */
  readonly createdSeconds: number;
  readonly expiresAfterSeconds: number;
  /** Of the key that it is about; 0: never. */
  readonly keyExpiresAfterSeconds: number;
  /** Bits of §5.2.3.29; `undefined` where the signature says nothing. */
  readonly keyFlags: number | undefined;
  /** Fingerprint, or key id of older writers, upper-case hex: a hint that says which key to try. */
  readonly issuer: string | undefined;
  /** By which a signing subkey claims its primary key. */
  readonly embedded: Buffer | undefined;
}

/** MD5, SHA-1, RIPEMD-160 and SHA-224 sign nothing any more. */
const HASHES: Readonly<Record<number, string>> = {
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  12: 'sha3-256',
  14: 'sha3-512',
};
const SUBPACKET = {
  created: 2,
  expires: 3,
  keyExpires: 9,
  issuerId: 16,
  keyFlags: 27,
  embedded: 32,
  issuer: 33,
} as const;
/** Those that may be marked critical and change nothing of what we judge. */
const HARMLESS = new Set([2, 3, 4, 7, 9, 11, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 30, 31, 32, 33, 34]);
const NOTATION = 20;

const MPIS: Readonly<Record<number, number>> = { 1: 1, 3: 1, 19: 2, 22: 2 };

function valuesOf(algorithm: number, reader: PgpReader): Buffer[] {
  if (algorithm === 27) return [reader.take(64)];
  const count = MPIS[algorithm];
  if (count === undefined) throw new PgpMalformed(`signatures of algorithm ${algorithm} are not known`);
  return Array.from({ length: count }, () => reader.mpi());
}

function only(subpackets: readonly Subpacket[], type: number): Buffer | undefined {
  const found = subpackets.filter((each) => each.type === type);
  if (found.length > 1) throw new PgpMalformed('a signature says one thing twice');
  return found[0]?.body;
}

const seconds = (body: Buffer | undefined): number => {
  if (body === undefined) return 0;
  if (body.length !== 4) throw new PgpMalformed('a time is not of four bytes');
  return body.readUInt32BE(0);
};

export function readSignature(body: Buffer): PgpSignature {
  const reader = new PgpReader(body);
  if (reader.byte() !== 4) throw new PgpMalformed('a signature that is not of version 4');
  const [type, algorithm, hashId] = [reader.byte(), reader.byte(), reader.byte()];
  const hash = HASHES[hashId];
  if (!hash) throw new PgpMalformed('a signature by a hash that is broken or not known');
  const hashed = readSubpackets(reader.take(reader.uint16()));
  const hashedPart = body.subarray(0, reader.at);
  const unhashed = readSubpackets(reader.take(reader.uint16()));
  const unknown = hashed.find((each) => each.critical && (each.type === NOTATION || !HARMLESS.has(each.type)));
  if (unknown) throw new PgpMalformed(`a signature with a critical part (${unknown.type}) that is not known`);
  const created = only(hashed, SUBPACKET.created);
  if (!created) throw new PgpMalformed('a signature without its time');
  const left16 = reader.uint16();
  const values = valuesOf(algorithm, reader);
  if (reader.left > 0) throw new PgpMalformed('bytes behind a signature');
  const flags = only(hashed, SUBPACKET.keyFlags);
  // Nothing that is not under the signature is believed; which key to try and the claim of a subkey prove themselves.
  const everywhere = [...hashed, ...unhashed];
  const issuer =
    everywhere.find((each) => each.type === SUBPACKET.issuer)?.body.subarray(1) ??
    everywhere.find((each) => each.type === SUBPACKET.issuerId)?.body;
  return {
    ...{ type, algorithm, hash, hashedPart, left16, values },
    createdSeconds: seconds(created),
    expiresAfterSeconds: seconds(only(hashed, SUBPACKET.expires)),
    keyExpiresAfterSeconds: seconds(only(hashed, SUBPACKET.keyExpires)),
    keyFlags: flags === undefined ? undefined : (flags[0] ?? 0),
    issuer: issuer?.toString('hex').toUpperCase(),
    embedded: everywhere.find((each) => each.type === SUBPACKET.embedded)?.body,
  };
}

const ALGORITHMS: Readonly<Record<number, PgpKey['algorithm']>> = {
  1: 'rsa',
  3: 'rsa',
  19: 'ecdsa',
  22: 'eddsa',
  27: 'ed25519',
};

/** A number in as many bytes as its key has; a longer one is of somebody else's key and stays as it is. */
const padded = (bytes: Buffer, length: number): Buffer =>
  Buffer.concat([Buffer.alloc(Math.max(length - bytes.length, 0)), bytes]);

/** Whether it is this key's over these bytes. What the signature means is for the caller to judge. */
export function isSignatureOf(
  signature: PgpSignature,
  { key, algorithm }: PgpKey,
  over: readonly Uint8Array[],
): boolean {
  if (ALGORITHMS[signature.algorithm] !== algorithm) return false;
  const { hash, hashedPart, left16, values } = signature;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(hashedPart.length);
  const message = Buffer.concat([...over, hashedPart, Buffer.of(0x04, 0xff), length]);
  const digest = createHash(hash).update(message).digest();
  if (digest.readUInt16BE(0) !== left16) return false;
  const [first = Buffer.of(), second = Buffer.of()] = values;
  switch (algorithm) {
    case 'rsa':
      return verify(hash, message, key, padded(first, Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)));
    case 'ecdsa': {
      const size = { prime256v1: 32, secp384r1: 48, secp521r1: 66 }[key.asymmetricKeyDetails?.namedCurve ?? ''] ?? 0;
      const raw = Buffer.concat([padded(first, size), padded(second, size)]);
      return verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, raw);
    }
    // Edwards keys of OpenPGP sign the digest, not the message.
    case 'eddsa':
      return verify(null, digest, key, Buffer.concat([padded(first, 32), padded(second, 32)]));
    case 'ed25519':
      return verify(null, digest, key, first);
  }
}
