import { readAllowedSigners, signerOf } from '../signers/allowed-signers.ts';
import { readCosignKey, verifyCosignBlob } from '../signers/cosign-blob.ts';
import { readMinisignKey, verifyMinisign } from '../signers/minisign.ts';
import { readKeyring } from '../signers/openpgp/keyring.ts';
import { verifyOpenpgp } from '../signers/openpgp/verify.ts';
import { verifySsh } from '../signers/ssh-signature.ts';
import type { Publisher } from './publisher.ts';

/** What a publisher's signature of a module is worth: signatures of files, by the keys of the policy alone. */

export type SignatureWord =
  | { readonly kind: 'good' }
  /** By a key of the publisher that counts no more, or not yet: nobody tampered, and nobody vouches. */
  | { readonly kind: 'expired'; readonly why: string }
  /** Not over these bytes, not by a key of the publisher, or no signature at all. */
  | { readonly kind: 'bad'; readonly why: string };

/** Checks bytes that claim to be a signature over a message, at an instant in milliseconds since 1970. */
export type VerifySignature = (signature: Uint8Array, message: Uint8Array, atMs: number) => SignatureWord;

/** Namespace of signatures of files, as ssh-keygen(1) has it. */
const SSH_NAMESPACE = 'file';

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

function openpgpVerifier(keys: readonly string[]): VerifySignature {
  const keyring = keys.flatMap(readKeyring);
  return (signature, message, atMs) => {
    const verified = verifyOpenpgp(textOf(signature), message, keyring, atMs);
    if (verified.kind === 'good') return { kind: 'good' };
    return { kind: verified.kind === 'expired' ? 'expired' : 'bad', why: verified.why };
  };
}

function sshVerifier(keys: readonly string[]): VerifySignature {
  const allowed = readAllowedSigners(keys.join('\n'));
  return (signature, message, atMs) => {
    const verified = verifySsh(textOf(signature), SSH_NAMESPACE, message);
    if (verified.kind !== 'good') return { kind: 'bad', why: verified.why };
    const { key } = verified;
    if (signerOf(allowed, key, SSH_NAMESPACE, atMs)) return { kind: 'good' };
    const isListed = allowed.signers.some(({ key: { fingerprint } }) => fingerprint === key.fingerprint);
    return isListed
      ? { kind: 'expired', why: `the key ${key.fingerprint} may not sign files at this time` }
      : { kind: 'bad', why: `the key ${key.fingerprint} is not one of the publisher's` };
  };
}

function minisignVerifier(keys: readonly string[]): VerifySignature {
  const known = keys.flatMap((key) => readMinisignKey(key) ?? []);
  return (signature, message) => {
    const verified = known.map((key) => verifyMinisign(textOf(signature), message, key));
    if (verified.some(({ kind }) => kind === 'good')) return { kind: 'good' };
    // What the key it names says of it tells more than that others did not make it.
    const told = verified.find(({ kind }) => kind !== 'other-key') ?? verified[0];
    return { kind: 'bad', why: told && 'why' in told ? told.why : 'there is no key' };
  };
}

function cosignVerifier(keys: readonly string[]): VerifySignature {
  const known = keys.flatMap((key) => readCosignKey(key) ?? []);
  return (signature, message) => {
    const verified = verifyCosignBlob(signature, message, known);
    return verified.kind === 'good' ? verified : { kind: 'bad', why: verified.why };
  };
}

const VERIFIERS: Readonly<Record<Publisher['kind'], (keys: readonly string[]) => VerifySignature>> = {
  openpgp: openpgpVerifier,
  ssh: sshVerifier,
  minisign: minisignVerifier,
  cosign: cosignVerifier,
};

/** Reads a publisher's keys once for all of its signatures. */
export const openVerifier = ({ kind, keys }: Publisher): VerifySignature => VERIFIERS[kind](keys);
