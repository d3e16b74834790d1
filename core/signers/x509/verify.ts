import { createHash } from 'node:crypto';
import { armoredBytes } from '../armor.ts';
import type { X509Identity, X509Policy } from '../signer-policy.ts';
import { isSignedWith } from './algorithm.ts';
import { type Certificate, readCertificatePem } from './certificate.ts';
import { chainProblem } from './chain.ts';
import { X509Malformed } from './der.ts';
import { isIdentifiedBy } from './identity.ts';
import { loggedTime, readTransparencyLog, type TransparencyLog } from './log-entry.ts';
import { readSignedData, type SignedData, type SignerInfo } from './signed-data.ts';

/** Signatures of git objects by X.509 certificates, as gpgsm, smimesign and gitsign make them, judged without any network. */

/** Whom a policy trusts. Without logs a certificate has to be valid now; with them, when one of them got the signature. */
export interface X509Trust {
  readonly roots: readonly Certificate[];
  readonly intermediates: readonly Certificate[];
  readonly identities: readonly X509Identity[];
  readonly logs: readonly TransparencyLog[];
}

export type X509Verified =
  | { readonly kind: 'good'; readonly fingerprint: string }
  | { readonly kind: 'bad' | 'malformed' | 'unknown'; readonly why: string };

/** A part of a policy that cannot be read, and where it stands. */
export interface TrustProblem {
  readonly where: string;
  readonly why: string;
}

export function readTrust(policy: X509Policy): X509Trust | TrustProblem {
  let where = '';
  const each = <T>(name: 'roots' | 'intermediates' | 'transparencyLogs', read: (pem: string) => T): T[] =>
    policy[name].map((pem, at) => {
      where = `x509.${name}[${at}]`;
      return read(pem);
    });
  try {
    return {
      roots: each('roots', readCertificatePem),
      intermediates: each('intermediates', readCertificatePem),
      identities: policy.identities,
      logs: each('transparencyLogs', readTransparencyLog),
    };
  } catch (error) {
    if (error instanceof X509Malformed) return { where, why: error.message };
    throw error;
  }
}

/** The one certificate that the signer names; two that fit are as good as none. */
function certificateOf({ certificates, signer: { certificate: named } }: SignedData): Certificate | undefined {
  const [found, ...more] = certificates.filter(({ issuer, serial, extensions }) =>
    'keyId' in named
      ? extensions.keyId?.equals(named.keyId)
      : issuer.equals(named.issuer) && serial.equals(named.serial),
  );
  return more.length === 0 ? found : undefined;
}

function integrityProblem(
  signer: SignerInfo,
  key: NonNullable<Certificate['key']>,
  message: Uint8Array,
): string | undefined {
  const { digest, messageDigest, algorithm, signedAttributes, signature } = signer;
  if (!createHash(digest).update(message).digest().equals(messageDigest)) return 'it is not over these bytes';
  return isSignedWith(algorithm, digest, key, signedAttributes, signature) ? undefined : 'its own signature is wrong';
}

function judge(signed: SignedData, message: Uint8Array, trust: X509Trust, nowMs: number): X509Verified {
  const { signer } = signed;
  const certificate = certificateOf(signed);
  if (!certificate) return { kind: 'unknown', why: 'it does not bring the certificate of its signer' };
  const { key, fingerprint } = certificate;
  const told = (kind: 'bad' | 'unknown', why: string): X509Verified => ({
    kind,
    why: `certificate ${fingerprint}: ${why}`,
  });
  if (!key) return told('unknown', 'its key is of a kind or length that proves nothing');
  const wrong = integrityProblem(signer, key, message);
  if (wrong) return told('bad', wrong);
  const time =
    trust.logs.length > 0 ? loggedTime(signer, certificate, trust.logs) : { kind: 'logged' as const, atMs: nowMs };
  if (time.kind !== 'logged') return told(time.kind, time.why);
  const intermediates = [...trust.intermediates, ...signed.certificates];
  const problem = chainProblem(certificate, trust.roots, intermediates, time.atMs);
  if (problem) return told('unknown', problem);
  return isIdentifiedBy(certificate, trust.identities)
    ? { kind: 'good', fingerprint }
    : told('unknown', 'it is of nobody whom the policy names');
}

/** Checks an armored detached signature over a message. Who signed is told by the certificate, never by name. */
export function verifyX509(armored: string, message: Uint8Array, trust: X509Trust, nowMs: number): X509Verified {
  const bytes = armoredBytes(armored, 'SIGNED MESSAGE');
  if (!bytes) return { kind: 'malformed', why: 'its armor is damaged' };
  try {
    return judge(readSignedData(bytes), message, trust, nowMs);
  } catch (error) {
    if (error instanceof X509Malformed) return { kind: 'malformed', why: error.message };
    throw error;
  }
}
