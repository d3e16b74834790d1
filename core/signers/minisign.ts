import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { fromBase64 } from '../tlog/checkpoint.ts';

/** Signatures of files by minisign (https://jedisct1.github.io/minisign): Ed25519, over the file or its BLAKE2b-512. */

export interface MinisignKey {
  /** 8 bytes, upper-case hex, as minisign shows it. */
  readonly id: string;
  readonly key: KeyObject;
}

export type MinisignVerified =
  | { readonly kind: 'good'; readonly trustedComment: string }
  | { readonly kind: 'bad' | 'malformed' | 'other-key'; readonly why: string };

const LEGACY = 'Ed';
const PREHASHED = 'ED';

const strict = (text: string, length: number): Buffer | undefined => {
  const bytes = fromBase64(text);
  return bytes?.length === length ? Buffer.from(bytes) : undefined;
};
/** Key ids are little-endian numbers. */
const idOf = (bytes: Uint8Array) => Buffer.from(bytes).reverse().toString('hex').toUpperCase();

/** A public key: the base64 line, with or without the comment above it. `undefined` for what is none. */
export function readMinisignKey(text: string): MinisignKey | undefined {
  const line = text.trim().split(/\r?\n/).at(-1) ?? '';
  const bytes = strict(line, 42);
  if (bytes?.toString('latin1', 0, 2) !== LEGACY) return undefined;
  const x = bytes.subarray(10).toString('base64url');
  return {
    id: idOf(bytes.subarray(2, 10)),
    key: createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' }),
  };
}

/** Checks a `.minisig` file over a message: the signature, and the one over it and the trusted comment. */
export function verifyMinisign(text: string, message: Uint8Array, { id, key }: MinisignKey): MinisignVerified {
  const [untrusted = '', first = '', comment = '', second = '', ...more] = text.replace(/\r\n/g, '\n').split('\n');
  const signature = strict(first, 74);
  const over = strict(second, 64);
  const shaped =
    untrusted.startsWith('untrusted comment: ') && comment.startsWith('trusted comment: ') && more.join('') === '';
  if (!shaped || !signature || !over) return { kind: 'malformed', why: 'it is no minisign signature' };
  const algorithm = signature.toString('latin1', 0, 2);
  const signer = idOf(signature.subarray(2, 10));
  if (algorithm !== LEGACY && algorithm !== PREHASHED) return { kind: 'malformed', why: 'its algorithm is not known' };
  if (signer !== id) return { kind: 'other-key', why: `it was made by key ${signer}, not by ${id}` };
  const trustedComment = comment.slice('trusted comment: '.length);
  const raw = signature.subarray(10);
  const signed = algorithm === PREHASHED ? createHash('blake2b512').update(message).digest() : message;
  if (!verify(null, signed, key, raw)) return { kind: 'bad', why: 'it is not over these bytes' };
  return verify(null, Buffer.concat([raw, Buffer.from(trustedComment, 'utf8')]), key, over)
    ? { kind: 'good', trustedComment }
    : { kind: 'bad', why: 'its trusted comment was changed' };
}
