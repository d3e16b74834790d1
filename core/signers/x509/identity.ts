import type { X509Identity } from '../signer-policy.ts';
import type { Certificate } from './certificate.ts';

/** Elements of an address or URI, and what stands between them. */
const elementsOf = (text: string): string[] => text.split(/([/@])/);

/** `*` stands for one character or more of its own element. */
function fits(pattern: string, element: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return pattern === element;
  return element.length > before.length + after.length && element.startsWith(before) && element.endsWith(after);
}

function isOf(subject: string, pattern: string): boolean {
  const [patterns, elements] = [elementsOf(pattern), elementsOf(subject)];
  return patterns.length === elements.length && patterns.every((each, at) => fits(each, elements[at] ?? ''));
}

/**
 * Whether a certificate is of one of the identities. The issuer is compared exactly, absent with absent: anybody may get the
 * same subject from another issuer.
 */
export const isIdentifiedBy = ({ extensions }: Certificate, identities: readonly X509Identity[]): boolean =>
  identities.some(
    ({ issuer, subject }) =>
      issuer === extensions.oidcIssuer && extensions.subjects.some((name) => isOf(name, subject)),
  );
