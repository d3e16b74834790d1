import { DER, type DerElement, DerReader, dotted, primitive, X509Malformed } from './der.ts';

/** Extensions of certificates (RFC 5280 §4.2), and those of Fulcio. */

export interface Extensions {
  readonly keyId?: Buffer;
  /** Present: it may issue certificates, with at most so many others between it and the last one. */
  readonly authority?: { readonly pathLength?: number };
  /** First byte of its bits; absent: any use. */
  readonly keyUsage?: number;
  readonly extendedKeyUsage?: readonly string[];
  /** E-mail addresses and URIs of the alternative names. */
  readonly subjects: readonly string[];
  /** Who vouched for the subject to Fulcio. */
  readonly oidcIssuer?: string;
  /** Why the certificate cannot be relied upon: it says something about itself that is not understood here. */
  readonly obscure?: string;
}

export const KEY_USAGE = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';
export const ANY_USAGE = '2.5.29.37.0';

const NAME_CONSTRAINTS = '2.5.29.30';
const MAX_NAME = 2048;

type Mutable = { -readonly [K in keyof Extensions]: Extensions[K] };

function readBasicConstraints(value: DerReader): Pick<Extensions, 'authority'> {
  const parts = value.within(DER.sequence);
  const isAuthority = parts.flag();
  const pathLength = parts.left > 0 ? parts.small() : undefined;
  parts.end();
  return isAuthority ? { authority: pathLength === undefined ? {} : { pathLength } } : {};
}

/** What an address or URI may hold; anything else could look like another one. */
function nameOf({ content }: DerElement): string {
  const text = content.toString('latin1');
  if (content.length > MAX_NAME || !/^[\x21-\x7e]+$/.test(text)) throw new X509Malformed('a name has other characters');
  return text;
}

const EMAIL = primitive(1);
const URI = primitive(6);

const readSubjects = (value: DerReader): string[] =>
  value
    .within(DER.sequence)
    .all()
    .filter(({ tag }) => tag === EMAIL || tag === URI)
    .map(nameOf);

function readExtendedKeyUsage(value: DerReader): string[] {
  return value
    .within(DER.sequence)
    .all()
    .map(({ tag, content }) => {
      if (tag !== DER.oid) throw new X509Malformed('a key usage is none');
      return dotted(content);
    });
}

function readKeyUsage(value: DerReader): number {
  const [unused, first] = value.expect(DER.bitString).content;
  if (unused === undefined || unused > 7 || first === undefined) throw new X509Malformed('a key usage is none');
  return first;
}

/** Fulcio first wrote the issuer without a tag, later as a string; where both stand they have to agree. */
function withIssuer(found: Mutable, issuer: string): void {
  if (found.oidcIssuer !== undefined && found.oidcIssuer !== issuer) found.obscure = 'it names two issuers';
  found.oidcIssuer = issuer;
}

const READERS: Readonly<Record<string, (found: Mutable, value: DerReader) => void>> = {
  '2.5.29.14': (found, value) => {
    found.keyId = value.expect(DER.octetString).content;
  },
  '2.5.29.15': (found, value) => {
    found.keyUsage = readKeyUsage(value);
  },
  '2.5.29.17': (found, value) => {
    found.subjects = readSubjects(value);
  },
  '2.5.29.19': (found, value) => {
    Object.assign(found, readBasicConstraints(value));
  },
  '2.5.29.37': (found, value) => {
    found.extendedKeyUsage = readExtendedKeyUsage(value);
  },
  '1.3.6.1.4.1.57264.1.8': (found, value) => {
    withIssuer(found, value.expect(DER.utf8String).content.toString('utf8'));
  },
};
const LEGACY_ISSUER = '1.3.6.1.4.1.57264.1.1';

function readOne(found: Mutable, oid: string, isCritical: boolean, content: Buffer): void {
  const read = READERS[oid];
  if (oid === LEGACY_ISSUER) withIssuer(found, content.toString('utf8'));
  else if (read) {
    const value = new DerReader(content);
    read(found, value);
    value.end();
    // A constraint on names binds whether or not it is marked; one that is not judged is not let pass.
  } else if (isCritical || oid === NAME_CONSTRAINTS) found.obscure = `it has the extension ${oid}, which is not judged`;
}

export function readExtensions(list: DerReader): Extensions {
  const found: Mutable = { subjects: [] };
  const seen = new Set<string>();
  for (const { tag, content } of list.all()) {
    if (tag !== DER.sequence) throw new X509Malformed('an extension is none');
    const parts = new DerReader(content);
    const oid = parts.oid();
    const isCritical = parts.flag();
    const value = parts.expect(DER.octetString).content;
    parts.end();
    if (seen.has(oid)) throw new X509Malformed('an extension stands twice');
    seen.add(oid);
    readOne(found, oid, isCritical, value);
  }
  return found;
}
