import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { signDigest } from '../../adapters/embedded/key-file-signer.ts';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import type { Signer } from '../../core/ports/signer.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';

const spkiOf = (key: KeyObject) => new Uint8Array(createPublicKey(key).export({ type: 'spki', format: 'der' }));

/** A fresh artifact key. */
export function memorySigner(): Signer {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { d = '' } = privateKey.export({ format: 'jwk' });
  const secret = BigInt(`0x${Buffer.from(d, 'base64url').toString('hex')}`);
  return { publicKey: async () => spkiOf(privateKey), sign: async (digest) => signDigest(secret, digest) };
}

const LOG_KEY = 'a log key for tests';
const seedOf = (name: string) => createHash('sha256').update(name).digest();

/** A log key that is the same in every process: its seed is the hash of `name`. */
export function memoryNoteSigner(name = LOG_KEY): NoteSigner {
  const seed = seedOf(name);
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  const key = createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
  return {
    publicKey: async () => spkiOf(key).slice(-32),
    sign: async (text) => new Uint8Array(sign(null, text, key)),
  };
}

/** The test log key under a name of a log, as Go's note package reads signer keys. */
export async function goSignerKey(origin: string): Promise<string> {
  const { id } = verifierKeyOf(origin, await memoryNoteSigner().publicKey());
  const secret = Buffer.concat([Buffer.of(1), seedOf(LOG_KEY)]).toString('base64');
  return `PRIVATE+KEY+${origin}+${id}+${secret}`;
}
