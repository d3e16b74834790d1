import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** Certificates, CMS messages and a transparency log for tests, written from their specifications and not with our readers. */

export function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const bytes = content.length.toString(16);
  const length = Buffer.from(bytes.length % 2 === 0 ? bytes : `0${bytes}`, 'hex');
  const head = content.length < 0x80 ? Buffer.of(tag, content.length) : Buffer.of(tag, 0x80 | length.length, ...length);
  return Buffer.concat([head, content]);
}

const base128 = (value: number): number[] =>
  value < 128 ? [value] : [...base128(Math.floor(value / 128)).map((byte) => byte | 0x80), value % 128];

function oid(dotted: string): Buffer {
  const [root = 0, second = 0, ...arcs] = dotted.split('.').map(Number);
  return der(0x06, Buffer.from([root * 40 + second, ...arcs].flatMap(base128)));
}

const algorithm = (dotted: string): Buffer => der(0x30, oid(dotted));
const text = (tag: number, value: string) => der(tag, Buffer.from(value));
const armored = (kind: string, bytes: Uint8Array): string => {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${kind}-----\n${lines.join('\n')}\n-----END ${kind}-----\n`;
};
export const cmsArmored = (bytes: Uint8Array): string => armored('SIGNED MESSAGE', bytes);

export interface TestKeys {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}
export const ecKeys = (namedCurve = 'P-256'): TestKeys => generateKeyPairSync('ec', { namedCurve });

type Hash = 'sha1' | 'sha256' | 'sha384' | 'sha512';
const DIGESTS: Readonly<Record<Hash, string>> = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
};
const SHA2 = ['sha256', 'sha384', 'sha512'];

function signed({ privateKey }: TestKeys, hash: Hash, bytes: Uint8Array) {
  if (privateKey.asymmetricKeyType === 'ed25519')
    return { algorithm: algorithm('1.3.101.112'), signature: sign(null, bytes, privateKey) };
  const at = SHA2.indexOf(hash);
  const isRsa = privateKey.asymmetricKeyType === 'rsa';
  const scheme = isRsa ? `1.2.840.113549.1.1.${11 + at}` : `1.2.840.10045.4.3.${2 + at}`;
  return { algorithm: algorithm(scheme), signature: sign(hash, bytes, privateKey) };
}

/** Extensions of certificates. */
export const extension = (dotted: string, value: Uint8Array, isCritical = false): Buffer =>
  der(0x30, oid(dotted), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));
export const authority = (pathLength?: number): Buffer =>
  extension(
    '2.5.29.19',
    der(0x30, der(0x01, Buffer.of(0xff)), ...(pathLength === undefined ? [] : [der(0x02, Buffer.of(pathLength))])),
    true,
  );
export const usage = (bits: number): Buffer => extension('2.5.29.15', der(0x03, Buffer.of(0, bits)), true);
export const extendedUsage = (...usages: readonly string[]): Buffer =>
  extension('2.5.29.37', der(0x30, ...usages.map(oid)));
export const names = (...values: readonly string[]): Buffer =>
  extension('2.5.29.17', der(0x30, ...values.map((value) => text(value.includes('://') ? 0x86 : 0x81, value))), true);
export const oidcIssuer = (url: string): Buffer => extension('1.3.6.1.4.1.57264.1.8', text(0x0c, url));
export const legacyOidcIssuer = (url: string): Buffer => extension('1.3.6.1.4.1.57264.1.1', Buffer.from(url));
export const keyId = (id: Uint8Array): Buffer => extension('2.5.29.14', der(0x04, id));
export const CODE_SIGNING = '1.3.6.1.5.5.7.3.3';

export interface TestCertificate {
  readonly der: Buffer;
  readonly pem: string;
  readonly fingerprint: string;
  readonly keys: TestKeys;
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly serial: Buffer;
}

export interface TestCertificateOptions {
  readonly name: string;
  readonly extensions: readonly Uint8Array[];
  /** Absent: it issues itself. */
  readonly issuer?: Pick<TestCertificate, 'subject' | 'keys'>;
  readonly keys?: TestKeys;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly serial?: number;
  /** DER of its version, where that is not 3. */
  readonly version?: Uint8Array;
}

const instant = (ms: number) => text(0x18, `${new Date(ms).toISOString().replace(/\D/g, '').slice(0, 14)}Z`);

export function testCertificate(options: TestCertificateOptions): TestCertificate {
  const { name, extensions, fromMs, untilMs, keys = ecKeys(), version = der(0x02, Buffer.of(2)) } = options;
  const subject = der(0x30, der(0x31, der(0x30, oid('2.5.4.3'), text(0x0c, name))));
  const issuer = options.issuer ?? { subject, keys };
  const serial = der(0x02, Buffer.of(options.serial ?? 1));
  const scheme = signed(issuer.keys, 'sha256', Buffer.of()).algorithm;
  const body = der(
    0x30,
    ...[der(0xa0, version), serial, scheme, issuer.subject],
    ...[der(0x30, instant(fromMs), instant(untilMs)), subject],
    keys.publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, der(0x30, ...extensions)),
  );
  const bytes = der(0x30, body, scheme, der(0x03, Buffer.of(0), signed(issuer.keys, 'sha256', body).signature));
  return {
    der: bytes,
    pem: armored('CERTIFICATE', bytes),
    fingerprint: createHash('sha256').update(bytes).digest('hex'),
    ...{ keys, subject, issuer: issuer.subject, serial },
  };
}

/** What a transparency log keeps of a signature. */
export interface LoggedSignature {
  /** DER of the set of signed attributes. */
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  readonly pem: string;
}

export interface CmsOptions {
  readonly hash?: Hash;
  /** Beside that of the signer, or in its stead. */
  readonly certificates?: readonly Uint8Array[];
  /** Names the certificate by its key. */
  readonly keyId?: Uint8Array;
  readonly contentType?: string;
  /** Written as it stands, even where DER would have it otherwise. */
  readonly attributes?: (usual: readonly Buffer[]) => readonly Buffer[];
  readonly content?: Uint8Array;
  readonly signers?: number;
  readonly logEntry?: (logged: LoggedSignature) => Uint8Array;
}

const attribute = (dotted: string, value: Uint8Array) => der(0x30, oid(dotted), der(0x31, value));
const DATA = '1.2.840.113549.1.7.1';

function signerInfo(payload: Uint8Array, signer: TestCertificate, options: CmsOptions): Buffer {
  const { hash = 'sha256', contentType = DATA, attributes = (usual) => usual, logEntry } = options;
  const digest = createHash(hash).update(payload).digest();
  const set = attributes([
    attribute('1.2.840.113549.1.9.3', oid(contentType)),
    attribute('1.2.840.113549.1.9.4', der(0x04, digest)),
  ]);
  const message = der(0x31, ...set);
  const { algorithm: scheme, signature } = signed(signer.keys, hash, message);
  const entry = logEntry?.({ message, signature, pem: signer.pem });
  return der(
    0x30,
    der(0x02, Buffer.of(options.keyId ? 3 : 1)),
    options.keyId ? der(0x80, options.keyId) : der(0x30, signer.issuer, signer.serial),
    algorithm(DIGESTS[hash]),
    ...(set.length > 0 ? [der(0xa0, ...set)] : []),
    scheme,
    der(0x04, signature),
    ...(entry ? [der(0xa1, attribute('1.3.6.1.4.1.57264.3.1', der(0x04, entry)))] : []),
  );
}

/** A detached CMS signature, in DER. */
export function cmsOf(payload: Uint8Array, signer: TestCertificate, options: CmsOptions = {}): Buffer {
  const { hash = 'sha256', certificates = [signer.der], content, signers = 1 } = options;
  const data = der(
    0x30,
    der(0x02, Buffer.of(options.keyId ? 3 : 1)),
    der(0x31, algorithm(DIGESTS[hash])),
    der(0x30, oid(DATA), ...(content ? [der(0xa0, der(0x04, content))] : [])),
    der(0xa0, ...certificates),
    der(0x31, ...Array.from({ length: signers }, () => signerInfo(payload, signer, options))),
  );
  return der(0x30, oid('1.2.840.113549.1.7.2'), der(0xa0, data));
}

const field = (number: number, value: number | Uint8Array): Buffer =>
  typeof value === 'number'
    ? Buffer.from([number * 8, ...varint(value)])
    : Buffer.concat([Buffer.from([number * 8 + 2, ...varint(value.length)]), value]);
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))];

export interface TestEntryOptions {
  /** Whose entry it says it is, where that is not the log's own. */
  readonly logId?: Uint8Array;
  readonly version?: string;
  readonly promise?: Uint8Array;
  /** What the entry says its time is, where that is not what was promised. */
  readonly saysSeconds?: number;
  readonly withBody?: boolean;
}

/** A log as Rekor of version 1 answers gitsign. */
export function testLog() {
  const { publicKey, privateKey } = ecKeys();
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  const id = createHash('sha256').update(spki).digest();
  return {
    pem: armored('PUBLIC KEY', spki),
    /** The `TransparencyLogEntry` of a signature that came at this second. */
    entry(logged: LoggedSignature, atSeconds: number, options: TestEntryOptions = {}): Buffer {
      const { logId = id, version = '0.0.1', saysSeconds = atSeconds, withBody = false } = options;
      const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64');
      const hash = createHash('sha256').update(logged.message).digest('hex');
      const body = `{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{"data":{"hash":{"algorithm":"sha256","value":"${hash}"}},"signature":{"content":"${base64(logged.signature)}","publicKey":{"content":"${base64(logged.pem)}"}}}}`;
      const promised = `{"body":"${base64(body)}","integratedTime":${atSeconds},"logID":"${id.toString('hex')}","logIndex":1234}`;
      const promise = options.promise ?? sign('sha256', Buffer.from(promised), privateKey);
      return Buffer.concat([
        field(1, 1234),
        field(2, field(1, logId)),
        field(3, Buffer.concat([field(1, Buffer.from('hashedrekord')), field(2, Buffer.from(version))])),
        field(4, saysSeconds),
        field(5, field(1, promise)),
        // A proof of inclusion follows, which is not read.
        field(6, field(1, 1)),
        ...(withBody ? [field(7, Buffer.from(body))] : []),
      ]);
    },
  };
}
