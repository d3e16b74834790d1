import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { canonicalBytes } from '../../canonical-json.ts';
import { sha256Hex } from '../../evidence.ts';
import { armoredBytes } from '../armor.ts';
import type { Certificate } from './certificate.ts';
import { X509Malformed } from './der.ts';
import { readProtobuf } from './protobuf.ts';
import type { SignerInfo } from './signed-data.ts';

/**
 * When a signature was made, by the word of a transparency log (Rekor, version 1). gitsign has the log keep a
 * `hashedrekord` of the DER of the signed attributes, their signature and the certificate, and puts the log's answer into
 * an unsigned attribute as a `TransparencyLogEntry` without its body, which follows from the signature itself.
 */

export interface TransparencyLog {
  /** Lower-case hex SHA-256 of its SubjectPublicKeyInfo. */
  readonly id: string;
  readonly key: KeyObject;
}

export type LoggedTime =
  | { readonly kind: 'logged'; readonly atMs: number }
  /** `unknown`: no log of the policy says anything · `bad`: one is quoted with what it did not say. */
  | { readonly kind: 'unknown' | 'bad'; readonly why: string };

/** The public key of a log in PEM: ECDSA P-256, with which Rekor signs its promises. */
export function readTransparencyLog(pem: string): TransparencyLog {
  const spki = armoredBytes(pem, 'PUBLIC KEY');
  if (!spki) throw new X509Malformed('it is not one public key in PEM');
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  } catch {
    throw new X509Malformed('it is no public key');
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new X509Malformed('it is no ECDSA P-256 key');
  return { id: sha256Hex(spki), key };
}

interface Entry {
  readonly logId: string;
  readonly logIndex: number;
  /** Kind and version, as `hashedrekord 0.0.1`. */
  readonly kind: string;
  readonly integratedSeconds: number;
  readonly promise: Buffer;
  readonly body: Buffer;
}

function readEntry(bytes: Buffer): Entry {
  const entry = readProtobuf(bytes);
  const [logId, kindVersion, promise] = [entry.message(2), entry.message(3), entry.message(5)];
  return {
    logIndex: entry.number(1),
    logId: logId.bytes(1).toString('hex'),
    kind: `${kindVersion.bytes(1).toString('latin1')} ${kindVersion.bytes(2).toString('latin1')}`,
    integratedSeconds: entry.number(4),
    promise: promise.bytes(1),
    body: entry.bytes(7),
  };
}

/** PEM as the log got it: 64 characters a line. */
function pemOf({ der }: Certificate): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

/** What the log keeps of a signature; canonical JSON, so there is one way to write it. */
function logBody({ signedAttributes, signature }: SignerInfo, certificate: Certificate): Uint8Array {
  return canonicalBytes({
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: sha256Hex(signedAttributes) } },
      signature: {
        content: signature.toString('base64'),
        publicKey: { content: Buffer.from(pemOf(certificate)).toString('base64') },
      },
    },
  });
}

/** What the log signs to promise that it has an entry: the signed entry timestamp. */
const promiseBytes = (body: Uint8Array, integratedTime: number, logID: string, logIndex: number): Uint8Array =>
  canonicalBytes({ body: Buffer.from(body).toString('base64'), integratedTime, logID, logIndex });

/** Checks that a log of the policy promised to keep this very signature, and tells when it got it. */
export function loggedTime(signer: SignerInfo, certificate: Certificate, logs: readonly TransparencyLog[]): LoggedTime {
  if (!signer.logEntry) return { kind: 'unknown', why: 'it brings no entry of a transparency log' };
  const { logId, logIndex, kind, integratedSeconds, promise, body } = readEntry(signer.logEntry);
  const log = logs.find(({ id }) => id === logId);
  if (!log) return { kind: 'unknown', why: 'its entry is of a transparency log that the policy does not name' };
  if (kind !== 'hashedrekord 0.0.1' || promise.length === 0)
    return { kind: 'unknown', why: 'its entry of the transparency log promises no time' };
  const expected = logBody(signer, certificate);
  if (body.length > 0 && !body.equals(expected))
    return { kind: 'bad', why: 'its entry of the transparency log is of another signature' };
  return verify('sha256', promiseBytes(expected, integratedSeconds, logId, logIndex), log.key, promise)
    ? { kind: 'logged', atMs: integratedSeconds * 1000 }
    : { kind: 'bad', why: 'the transparency log did not promise this entry' };
}
