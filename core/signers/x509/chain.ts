import { type Certificate, isIssuedBy } from './certificate.ts';
import { ANY_USAGE, CODE_SIGNING, KEY_USAGE } from './extensions.ts';

/** Chains of certificates (RFC 5280 §6), from the one that signed code to a root of the policy, at one instant. */

const MAX_INTERMEDIATES = 4;

const isValidAt = ({ notBeforeMs, notAfterMs }: Certificate, atMs: number) => atMs >= notBeforeMs && atMs <= notAfterMs;

/** Why a certificate may not have issued the one below it, with `below` others between that and the signer's. */
function authorityProblem(certificate: Certificate, below: number, atMs: number): string | undefined {
  const { authority, keyUsage, extendedKeyUsage, obscure } = certificate.extensions;
  if (obscure) return `of an authority: ${obscure}`;
  if (!authority) return 'it was issued by a certificate of no authority';
  if (keyUsage !== undefined && (keyUsage & KEY_USAGE.keyCertSign) === 0)
    return 'it was issued by a key that may not sign certificates';
  if ((authority.pathLength ?? below) < below) return 'its chain is longer than an authority allows';
  if (extendedKeyUsage && !extendedKeyUsage.some((usage) => usage === CODE_SIGNING || usage === ANY_USAGE))
    return 'it was issued by an authority that is not for code';
  return isValidAt(certificate, atMs) ? undefined : 'an authority of its chain was not valid then';
}

function issuerProblem(
  certificate: Certificate,
  below: number,
  roots: readonly Certificate[],
  unused: Set<Certificate>,
  atMs: number,
): string | undefined {
  let problem = 'its chain ends at no root of the policy';
  for (const root of roots.filter((each) => isIssuedBy(certificate, each))) {
    const found = authorityProblem(root, below, atMs);
    if (found === undefined) return undefined;
    problem = found;
  }
  if (below >= MAX_INTERMEDIATES) return problem;
  for (const issuer of [...unused].filter((each) => isIssuedBy(certificate, each))) {
    // Each is tried once, so that certificates that issue each other end.
    unused.delete(issuer);
    const found = authorityProblem(issuer, below, atMs) ?? issuerProblem(issuer, below + 1, roots, unused, atMs);
    if (found === undefined) return undefined;
    problem = found;
  }
  return problem;
}

/** Why a certificate may not sign code, whoever issued it. */
function signerProblem(certificate: Certificate, atMs: number): string | undefined {
  const { authority, keyUsage, extendedKeyUsage, subjects, obscure } = certificate.extensions;
  if (obscure) return obscure;
  if (authority) return 'it is that of an authority';
  if (keyUsage !== undefined && (keyUsage & KEY_USAGE.digitalSignature) === 0) return 'its key may not sign';
  if (!extendedKeyUsage?.includes(CODE_SIGNING)) return 'it is not for code signing';
  if (subjects.length === 0) return 'it names no e-mail address and no URI';
  return isValidAt(certificate, atMs) ? undefined : 'it was not valid at the time of the signature';
}

/**
 * Why nothing vouches for this certificate at this instant; `undefined`: a root does.
 * @param intermediates those of the policy and of the message; none is trusted for being there.
 */
export const chainProblem = (
  certificate: Certificate,
  roots: readonly Certificate[],
  intermediates: readonly Certificate[],
  atMs: number,
): string | undefined =>
  signerProblem(certificate, atMs) ?? issuerProblem(certificate, 0, roots, new Set(intermediates), atMs);
