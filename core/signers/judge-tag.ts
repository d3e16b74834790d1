import type { RawTag } from '../ports/source-host.ts';
import type { Refusal } from '../verdict.ts';
import { type AllowedSigners, readAllowedSigners, signerOf } from './allowed-signers.ts';
import { readKeyring, type SigningKey } from './openpgp/keyring.ts';
import { PgpMalformed } from './openpgp/packets.ts';
import { verifyOpenpgp } from './openpgp/verify.ts';
import { type SignatureFormat, type SignedObject, signedCommit, signedTag, tagFacts } from './signed-object.ts';
import type { SignerPolicy } from './signer-policy.ts';
import { verifySsh } from './ssh-signature.ts';
import { readTrust, verifyX509, type X509Trust } from './x509/verify.ts';

/** Who signed the tag of a release, over raw object bytes, by the keys that the policy names. */

/** A tag by its name, in its own bytes. */
export interface NamedTag extends RawTag {
  readonly name: string;
}

export interface TagSigner {
  readonly format: SignatureFormat;
  /** Fingerprint of the key that signed: of its primary key, where it is a subkey; of its certificate, where it has one. */
  readonly key: string;
  readonly signed: 'tag' | 'commit';
}

export interface JudgedTag {
  readonly reasons: readonly Refusal[];
  readonly warnings: readonly Refusal[];
  readonly signer?: TagSigner;
}

interface Keys {
  readonly keyring: readonly SigningKey[];
  readonly allowed: AllowedSigners;
  readonly x509?: X509Trust;
}

const shown = (text: string) => text.slice(0, 1024);

const malformedSigners = (where: string, why: string): Refusal => ({
  code: 'policy.signers-malformed',
  where,
  found: shown(why),
  fix: 'Correct the signers of the policy.',
});

/** The policy's keys, or why one cannot be read: a key that is left out would refuse people for no fault of theirs. */
function keysOf({ openpgp, allowedSigners, x509 }: SignerPolicy): Keys | Refusal {
  const allowed = readAllowedSigners(allowedSigners);
  const [problem] = allowed.problems;
  if (problem) return malformedSigners(`allowedSigners:${problem.line}`, problem.why);
  const keyring: SigningKey[] = [];
  for (const [at, armored] of openpgp.entries())
    try {
      keyring.push(...readKeyring(armored));
    } catch (error) {
      if (!(error instanceof PgpMalformed)) throw error;
      return malformedSigners(`openpgp[${at}]`, error.message);
    }
  if (!x509) return { keyring, allowed };
  const trust = readTrust(x509);
  return 'why' in trust ? malformedSigners(trust.where, trust.why) : { keyring, allowed, x509: trust };
}

const unknownSigner = (where: string, found: string): Refusal => ({
  code: 'source.signer-unknown',
  where,
  expected: 'a signature by a key that the policy names',
  found: shown(found),
  fix: 'Have someone whom the policy names sign the tag, or add the key after its owner was asked.',
});

const badSignature = (where: string, found: string): Refusal => ({
  code: 'source.signature-bad',
  where,
  expected: 'a signature over the object as it is',
  found: shown(found),
  fix: 'Find out who changed the tag; delete it and sign it again.',
});

type Signed = { readonly signer: Omit<TagSigner, 'signed'> } | { readonly reason: Refusal };

function checkSsh({ signature, payload }: SignedObject, { allowed }: Keys, where: string, nowMs: number): Signed {
  const verified = verifySsh(signature, 'git', payload);
  if (verified.kind !== 'good') return { reason: badSignature(where, verified.why) };
  const { key } = verified;
  const found = signerOf(allowed, key, 'git', nowMs);
  return found
    ? { signer: { format: 'ssh', key: key.fingerprint } }
    : { reason: unknownSigner(where, `SSH key ${key.fingerprint}`) };
}

function checkOpenpgp({ signature, payload }: SignedObject, { keyring }: Keys, where: string, nowMs: number): Signed {
  const verified = verifyOpenpgp(signature, payload, keyring, nowMs);
  switch (verified.kind) {
    case 'good':
      return { signer: { format: 'openpgp', key: verified.signer.primary } };
    case 'unknown-key':
    case 'expired':
      return { reason: unknownSigner(where, verified.why) };
    default:
      return { reason: badSignature(where, verified.why) };
  }
}

function checkX509({ signature, payload }: SignedObject, { x509 }: Keys, where: string, nowMs: number): Signed {
  if (!x509) return { reason: unknownSigner(where, 'an X.509 signature, for which the policy names no root') };
  const verified = verifyX509(signature, payload, x509, nowMs);
  switch (verified.kind) {
    case 'good':
      return { signer: { format: 'x509', key: verified.fingerprint } };
    case 'unknown':
      return { reason: unknownSigner(where, verified.why) };
    default:
      return { reason: badSignature(where, verified.why) };
  }
}

const CHECKS = { ssh: checkSsh, openpgp: checkOpenpgp, x509: checkX509 };

/** A signed tag says what it is a tag of: under another name, or before another commit, it is somebody else's word. */
function misplaced({ name, commit, tagObject }: NamedTag): Refusal | undefined {
  const facts = tagObject && tagFacts(tagObject);
  if (!tagObject || (facts?.name === name && (facts.type !== 'commit' || facts.object === commit))) return undefined;
  return {
    code: 'source.tag-misplaced',
    where: shown(name),
    expected: shown(`tag ${name} of commit ${commit}`),
    found: shown(facts ? `tag ${facts.name} of ${facts.type} ${facts.object}` : 'no tag object that can be read'),
    fix: 'Delete the ref and push the tag under the name it was made with.',
  };
}

const unsigned = (name: string, isAnnotated: boolean): Refusal => ({
  code: 'source.unsigned',
  where: shown(name),
  expected: 'a signed tag',
  found: isAnnotated ? 'an annotated tag without a signature' : 'a lightweight tag',
  fix: 'Sign releases with `git tag -s`.',
});

/** Judges one tag at one instant. `policy` absent: nobody is named, so who signed is shown and decides nothing. */
export function judgeTag(tag: NamedTag, policy: SignerPolicy | undefined, nowMs: number): JudgedTag {
  const wrongPlace = misplaced(tag);
  if (wrongPlace) return { reasons: [wrongPlace], warnings: [] };
  const ofTag = tag.tagObject && signedTag(tag.tagObject);
  const ofCommit = policy?.orCommit && !tag.tagObject ? signedCommit(tag.commitObject) : undefined;
  const signed = ofTag ?? ofCommit;
  if (!policy) return { reasons: [], warnings: signed ? [] : [unsigned(tag.name, tag.tagObject !== undefined)] };
  const keys = keysOf(policy);
  if ('code' in keys) return { reasons: [keys], warnings: [] };
  const checked = signed
    ? CHECKS[signed.format](signed, keys, shown(tag.name), nowMs)
    : { reason: unsigned(tag.name, tag.tagObject !== undefined) };
  if ('signer' in checked)
    return { reasons: [], warnings: [], signer: { ...checked.signer, signed: ofTag ? 'tag' : 'commit' } };
  const { reason } = checked;
  const onlyWarns = policy.tags === 'warn' && reason.code !== 'source.signature-bad';
  return onlyWarns ? { reasons: [], warnings: [reason] } : { reasons: [reason], warnings: [] };
}
