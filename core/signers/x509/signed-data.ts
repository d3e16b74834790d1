import { type Hash, hashOf, readAlgorithm } from './algorithm.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { constructed, DER, type DerElement, DerReader, dotted, primitive, X509Malformed } from './der.ts';

/** CMS SignedData (RFC 5652 §5) of one signer over bytes that stand elsewhere. */

export interface SignedData {
  readonly certificates: readonly Certificate[];
  readonly signer: SignerInfo;
}

export interface SignerInfo {
  readonly certificate: { readonly issuer: Buffer; readonly serial: Buffer } | { readonly keyId: Buffer };
  readonly digest: Hash;
  /** Of the content. */
  readonly messageDigest: Buffer;
  /** What was signed: the DER of the set of signed attributes, under its own tag (§5.4). */
  readonly signedAttributes: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
  /** What gitsign keeps of the entry in a transparency log, as it stands; nobody signed it. */
  readonly logEntry?: Buffer;
}

const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  logEntry: '1.3.6.1.4.1.57264.3.1',
} as const;

const MAX_CERTIFICATES = 16;

/** Values by attribute, each attribute once. */
function readAttributes(set: Uint8Array): ReadonlyMap<string, DerElement[]> {
  const attributes = new Map<string, DerElement[]>();
  for (const { tag, content } of new DerReader(set).all()) {
    if (tag !== DER.sequence) throw new X509Malformed('an attribute is none');
    const parts = new DerReader(content);
    const oid = parts.oid();
    const values = parts.within(DER.set).all();
    parts.end();
    if (attributes.has(oid)) throw new X509Malformed('an attribute stands twice');
    attributes.set(oid, values);
  }
  return attributes;
}

function onlyValue(values: readonly DerElement[] | undefined, tag: number): Buffer {
  const [value, ...more] = values ?? [];
  if (value?.tag !== tag || more.length > 0) throw new X509Malformed('an attribute has not the one value it should');
  return value.content;
}

/** The signature is over DER, whose sets are sorted; a set in another order would be signed as something else. */
function isSorted(elements: readonly DerElement[]): boolean {
  return elements.every(({ whole }, at) => at === 0 || Buffer.compare(elements[at - 1]?.whole ?? whole, whole) <= 0);
}

function readSignedAttributes(parts: DerReader): Pick<SignerInfo, 'signedAttributes' | 'messageDigest'> {
  const { whole, content } = parts.expect(constructed(0));
  if (!isSorted(new DerReader(content).all())) throw new X509Malformed('the signed attributes are not sorted');
  const attributes = readAttributes(content);
  if (dotted(onlyValue(attributes.get(OID.contentType), DER.oid)) !== OID.data)
    throw new X509Malformed('what was signed is not plain data');
  const signedAttributes = Buffer.from(whole);
  signedAttributes[0] = DER.set;
  return { signedAttributes, messageDigest: onlyValue(attributes.get(OID.messageDigest), DER.octetString) };
}

/** Named by the key of the certificate in version 3, by issuer and number in version 1. */
function readSignerId(parts: DerReader): SignerInfo['certificate'] {
  const version = parts.small();
  const keyId = parts.optional(primitive(0));
  if (version !== (keyId ? 3 : 1)) throw new X509Malformed('its signer is of no known version');
  if (keyId) return { keyId: keyId.content };
  const named = parts.within(DER.sequence);
  const issuer = named.expect(DER.sequence).whole;
  const serial = named.integer();
  named.end();
  return { issuer, serial };
}

function readSigner(content: Buffer, announced: readonly (Hash | undefined)[]): SignerInfo {
  const parts = new DerReader(content);
  const certificate = readSignerId(parts);
  const digest = hashOf(readAlgorithm(parts));
  if (!digest || !announced.includes(digest)) throw new X509Malformed('its digest is of no hash that is taken');
  const signed = readSignedAttributes(parts);
  const algorithm = readAlgorithm(parts);
  const signature = parts.expect(DER.octetString).content;
  const unsigned = readAttributes(parts.optional(constructed(1))?.content ?? Buffer.of());
  parts.end();
  const entry = unsigned.get(OID.logEntry);
  const logEntry = entry ? { logEntry: onlyValue(entry, DER.octetString) } : {};
  return { certificate, digest, ...signed, algorithm, signature, ...logEntry };
}

function readCertificates(content: Buffer): Certificate[] {
  const elements = new DerReader(content).all();
  if (elements.length > MAX_CERTIFICATES) throw new X509Malformed('it brings too many certificates');
  return elements.map(({ whole }) => readCertificate(whole));
}

/** What the message holds, out of the wrappers that say what kind of message it is. */
function unwrapped(bytes: Uint8Array): DerReader {
  const outer = new DerReader(bytes);
  const message = outer.wrapped(DER.sequence);
  outer.end();
  if (message.oid() !== OID.signedData) throw new X509Malformed('it is no signed data');
  const wrapper = message.wrapped(constructed(0));
  message.end();
  const parts = wrapper.wrapped(DER.sequence);
  wrapper.end();
  return parts;
}

/** Version 1, or 3 with a signer who is named by key. */
const VERSIONS = [1, 3];

export function readSignedData(bytes: Uint8Array): SignedData {
  const parts = unwrapped(bytes);
  if (!VERSIONS.includes(parts.small())) throw new X509Malformed('it is of no known version');
  const digests = parts.within(DER.set).all();
  const content = parts.wrapped(DER.sequence);
  if (content.oid() !== OID.data) throw new X509Malformed('what was signed is not plain data');
  if (content.left > 0) throw new X509Malformed('it brings its own content');
  const certificates = readCertificates(parts.optional(constructed(0))?.content ?? Buffer.of());
  parts.optional(constructed(1));
  const [signer, ...more] = parts.within(DER.set).all();
  parts.end();
  if (signer?.tag !== DER.sequence || more.length > 0) throw new X509Malformed('it has not exactly one signer');
  const announced = digests.map(({ whole }) => hashOf(readAlgorithm(new DerReader(whole))));
  return { certificates, signer: readSigner(signer.content, announced) };
}
