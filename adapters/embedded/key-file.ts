import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Fault } from '../../core/faults.ts';

/** `artifact`: ECDSA P-256 · `note`: Ed25519, the key of a log. */
export type KeyKind = 'artifact' | 'note';

const generate = (kind: KeyKind): KeyObject =>
  kind === 'artifact'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
    : generateKeyPairSync('ed25519').privateKey;

const isOfKind = (key: KeyObject, kind: KeyKind): boolean =>
  kind === 'artifact'
    ? key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
    : key.asymmetricKeyType === 'ed25519';

/**
 * Makes a private key and keeps it as encrypted PKCS#8 PEM (PBES2, AES-256), readable by its owner only. An existing file
 * is never replaced: `ConfigurationInvalid`.
 */
export async function createKeyFile(path: string, kind: KeyKind, passphrase: string): Promise<void> {
  if (passphrase === '') throw new Fault('ConfigurationInvalid', 'an empty passphrase protects nothing');
  const pem = generate(kind).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase });
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(pem);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Fault('ConfigurationInvalid', `the key file ${path} cannot be created`, { cause: error });
  }
}

/** The private key of a file. A wrong passphrase, another kind of key or no file: `ConfigurationInvalid`. */
export async function readKeyFile(path: string, kind: KeyKind, passphrase: string): Promise<KeyObject> {
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Fault('ConfigurationInvalid', `the key file ${path} cannot be read`, { cause: error });
  });
  if (!pem.startsWith('-----BEGIN ENCRYPTED PRIVATE KEY-----'))
    throw new Fault('ConfigurationInvalid', `the key file ${path} is not an encrypted private key`);
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch {
    // No cause: OpenSSL's words add nothing and the passphrase stays out of every message.
    throw new Fault('ConfigurationInvalid', `the key file ${path} does not open with this passphrase`);
  }
  if (!isOfKind(key, kind)) throw new Fault('ConfigurationInvalid', `the key file ${path} holds no ${kind} key`);
  return key;
}
