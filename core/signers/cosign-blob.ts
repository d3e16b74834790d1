import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import * as z from 'zod';
import { parseStrictJson, StrictJsonError } from '../oci/strict-json.ts';
import { BUNDLE_MEDIA_TYPE } from '../signing/bundle.ts';
import { fromBase64 } from '../tlog/checkpoint.ts';

/** Signatures of files by a plain key, as `cosign sign-blob --key` makes them: base64 alone, or a Sigstore bundle. */

export type CosignVerified = { readonly kind: 'good' } | { readonly kind: 'bad' | 'malformed'; readonly why: string };

const isBase64 = (text: string): boolean => text !== '' && fromBase64(text) !== undefined;
const base64 = z.string().refine(isBase64, 'not strict base64');

/**
 * What we read of a bundle. The hint names a key and proves nothing; entries of a transparency log are not asked for. A
 * bundle for a certificate has no `publicKey`: who that is no key of a policy can say.
 */
const BlobBundle = z.object({
  mediaType: z.literal(BUNDLE_MEDIA_TYPE),
  verificationMaterial: z.object({ publicKey: z.object({ hint: z.string().optional() }) }),
  messageSignature: z.object({
    /** Empty for Ed25519, which signs no digest. */
    messageDigest: z.object({ algorithm: z.literal('SHA2_256').optional(), digest: base64.optional() }).optional(),
    signature: base64,
  }),
  /** Of two things that one bundle could be about, a reader may pick either. */
  dsseEnvelope: z.never().optional(),
});

const PEM = /^-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----$/;

/** A public key in PEM, P-256 or Ed25519 as cosign makes and imports them; `undefined` for what is none. */
export function readCosignKey(text: string): KeyObject | undefined {
  const pem = text.trim();
  // Node would take a private key or a certificate as well: the one has no place in a policy, the other is not read.
  if (!PEM.test(pem)) return undefined;
  try {
    const key = createPublicKey(pem);
    const isKnown = key.asymmetricKeyType === 'ed25519' || key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
    return isKnown ? key : undefined;
  } catch {
    return undefined;
  }
}

type ReadSignature = { readonly signature: string; readonly digest?: string | undefined } | { readonly why: string };

function readBundle(bytes: Uint8Array): ReadSignature {
  try {
    const read = BlobBundle.safeParse(parseStrictJson(bytes));
    if (!read.success) return { why: 'it is no Sigstore bundle of a signature by a key' };
    const { signature, messageDigest } = read.data.messageSignature;
    return { signature, digest: messageDigest?.digest };
  } catch (error) {
    if (error instanceof StrictJsonError) return { why: `its JSON cannot be read: ${error.message}` };
    throw error;
  }
}

function readSignature(bytes: Uint8Array): ReadSignature {
  const text = Buffer.from(bytes).toString('utf8').trim();
  if (text.startsWith('{')) return readBundle(bytes);
  return isBase64(text) ? { signature: text } : { why: 'it is neither base64 nor a bundle' };
}

/** Checks a signature over a message by keys of which any may have made it. */
export function verifyCosignBlob(bytes: Uint8Array, message: Uint8Array, keys: readonly KeyObject[]): CosignVerified {
  const read = readSignature(bytes);
  if ('why' in read) return { kind: 'malformed', why: read.why };
  const { signature, digest } = read;
  if (digest !== undefined && digest !== createHash('sha256').update(message).digest('base64'))
    return { kind: 'bad', why: 'its digest is that of other bytes' };
  const raw = Buffer.from(signature, 'base64');
  const isGood = keys.some((key) => verify(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', message, key, raw));
  return isGood ? { kind: 'good' } : { kind: 'bad', why: 'it is not over these bytes by any of the keys' };
}
