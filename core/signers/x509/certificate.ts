import type { KeyObject } from 'node:crypto';
import { sha256Hex } from '../../evidence.ts';
import { armoredBytes } from '../armor.ts';
import { isSignedWith, publicKeyOf, readAlgorithm } from './algorithm.ts';
import { constructed, DER, DerReader, primitive, X509Malformed } from './der.ts';
import { type Extensions, readExtensions } from './extensions.ts';

/** Certificates (RFC 5280 §4.1), as far as a signature needs them. */

export interface Certificate {
  readonly der: Buffer;
  /** Lower-case hex SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly serial: Buffer;
  /** Names in DER: compared byte by byte, as issuers copy them. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Absent: it is of a kind or length that proves nothing. */
  readonly key?: KeyObject;
  readonly extensions: Extensions;
  readonly signed: { readonly bytes: Buffer; readonly algorithm: string; readonly signature: Buffer };
}

type Body = Omit<Certificate, 'der' | 'fingerprint' | 'signed'> & { readonly algorithm: string };

const VERSION_3 = 2;

function readBody(content: Buffer): Body {
  const parts = new DerReader(content);
  const version = parts.tag === constructed(0) ? parts.within(constructed(0)) : undefined;
  if (version?.small() !== VERSION_3) throw new X509Malformed('a certificate is not of version 3');
  version.end();
  const serial = parts.integer();
  const algorithm = readAlgorithm(parts);
  const issuer = parts.expect(DER.sequence).whole;
  const validity = parts.within(DER.sequence);
  const [notBeforeMs, notAfterMs] = [validity.instant(), validity.instant()];
  validity.end();
  const subject = parts.expect(DER.sequence).whole;
  const key = publicKeyOf(parts.expect(DER.sequence).whole);
  for (const uniqueId of [1, 2]) parts.optional(primitive(uniqueId));
  const extensions = readExtensions(parts.within(constructed(3)).within(DER.sequence));
  parts.end();
  return { serial, algorithm, issuer, subject, notBeforeMs, notAfterMs, ...(key ? { key } : {}), extensions };
}

export function readCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der);
  const parts = outer.within(DER.sequence);
  outer.end();
  const body = parts.expect(DER.sequence);
  const algorithm = readAlgorithm(parts);
  const signature = parts.bits();
  parts.end();
  const { algorithm: inner, ...rest } = readBody(body.content);
  if (inner !== algorithm) throw new X509Malformed('a certificate names two algorithms');
  return {
    der: Buffer.from(der),
    fingerprint: sha256Hex(der),
    ...rest,
    signed: { bytes: body.whole, algorithm, signature },
  };
}

/** One certificate as `openssl x509` writes it. */
export function readCertificatePem(pem: string): Certificate {
  const der = armoredBytes(pem, 'CERTIFICATE');
  if (!der) throw new X509Malformed('it is not one certificate in PEM');
  return readCertificate(der);
}

/** Whether a certificate was issued by another, by name and by signature. */
export const isIssuedBy = ({ issuer, signed }: Certificate, { subject, key }: Certificate): boolean =>
  key !== undefined &&
  issuer.equals(subject) &&
  isSignedWith(signed.algorithm, undefined, key, signed.bytes, signed.signature);
