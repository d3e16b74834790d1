import { createHash } from 'node:crypto';
import { armoredBytes } from './armor.ts';
import { readSshKey, type SshKey, verifySshSignature } from './ssh-key.ts';
import { SshMalformed, SshReader, sshString } from './ssh-wire.ts';

/** Signatures of files by SSH keys (OpenSSH PROTOCOL.sshsig), as `ssh-keygen -Y sign` and git make them. */

const MAGIC = 'SSHSIG';
const VERSION = 1;
const HASHES = ['sha256', 'sha512'];

export type SshVerified =
  | { readonly kind: 'good'; readonly key: SshKey }
  | { readonly kind: 'bad' | 'malformed'; readonly why: string };

function verifyParts(bytes: Uint8Array, namespace: string, message: Uint8Array): SshVerified {
  const reader = new SshReader(bytes);
  if (reader.take(MAGIC.length).toString('latin1') !== MAGIC || reader.uint32() !== VERSION)
    return { kind: 'malformed', why: 'it is no SSH signature of version 1' };
  const key = readSshKey(reader.string());
  const named = reader.text();
  const reserved = reader.string();
  const hash = reader.text();
  const signature = reader.string();
  reader.end();
  if (named !== namespace)
    return { kind: 'bad', why: `it was made for "${named.slice(0, 64)}", not for "${namespace}"` };
  if (!HASHES.includes(hash)) return { kind: 'bad', why: `the hash ${hash.slice(0, 64)} is not known` };
  const digest = createHash(hash).update(message).digest();
  const signed = Buffer.concat([
    Buffer.from(MAGIC, 'latin1'),
    ...[named, reserved, hash, digest].map((part) =>
      sshString(typeof part === 'string' ? Buffer.from(part, 'latin1') : part),
    ),
  ]);
  return verifySshSignature(key, signed, signature)
    ? { kind: 'good', key }
    : { kind: 'bad', why: 'it is not over these bytes' };
}

/**
 * Checks an armored signature over a message for one namespace (`git` for git objects, `file` for files). A good one says
 * which key made it; whether that key may is for the caller to judge.
 */
export function verifySsh(armored: string, namespace: string, message: Uint8Array): SshVerified {
  const bytes = armoredBytes(armored, 'SSH SIGNATURE');
  if (!bytes) return { kind: 'malformed', why: 'its armor is damaged' };
  try {
    return verifyParts(bytes, namespace, message);
  } catch (error) {
    if (error instanceof SshMalformed) return { kind: 'malformed', why: error.message };
    throw error;
  }
}
