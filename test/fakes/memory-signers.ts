import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { signDigest } from '../../adapters/embedded/key-file-signer.ts';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import type { Signer } from '../../core/ports/signer.ts';

const spkiOf = (key: KeyObject) => new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));

/** A fresh artifact key. */
export function memorySigner(): Signer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const secret = BigInt(`0x${Buffer.from(d, 'base64url').toString('hex')}`);
  return { publicKey: async () => spkiOf(privateKey), sign: async (digest) => signDigest(secret, digest) };
}

/** A log key that is the same in every process: its seed is the hash of `name`. */
export function memoryNoteSigner(name = 'a log key for tests'): NoteSigner {
  const seed = createHash('sha256').update(name).digest();
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
  return {
    publicKey: async () => spkiOf(key).slice(-32),
    sign: async (text) => new Uint8Array(sign(null, text, key)),
  };
}
