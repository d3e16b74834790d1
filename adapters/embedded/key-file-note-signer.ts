import { createPublicKey, sign } from 'node:crypto';
import type { NoteSigner } from '../../core/ports/note-signer.ts';
import { readKeyFile } from './key-file.ts';

const RAW_KEY_BYTES = 32;

/** The log key from an encrypted key file; the passphrase is needed once, here. */
export async function keyFileNoteSigner(path: string, passphrase: string): Promise<NoteSigner> {
  const key = await readKeyFile(path, 'note', passphrase);
  // RFC 8410: the raw key ends the SubjectPublicKeyInfo.
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const publicKey = new Uint8Array(spki.subarray(-RAW_KEY_BYTES));
  return {
    publicKey: async () => publicKey,
    sign: async (text) => new Uint8Array(sign(null, text, key)),
  };
}
