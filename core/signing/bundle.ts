import { createHash } from 'node:crypto';
import * as z from 'zod';
import { canonicalBytes } from '../canonical-json.ts';
import { IN_TOTO_PAYLOAD_TYPE } from './dsse.ts';

/** Sigstore bundle v0.3 as cosign v3 writes it for a plain key: no certificate, no log entry, no timestamp. */

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json';

/** Bytes of a bundle we read; ours has under 1,000. */
export const MAX_BUNDLE_SIZE = 1_048_576;

const base64 = z
  .string()
  .refine((text) => Buffer.from(text, 'base64').toString('base64') === text, 'not strict base64');

/** What we read of a bundle. DSSE allows many signatures; which one counts must not be a choice, so there is one. */
export const SigstoreBundle = z.object({
  mediaType: z.literal(BUNDLE_MEDIA_TYPE),
  verificationMaterial: z.object({ publicKey: z.object({ hint: z.string().optional() }) }),
  dsseEnvelope: z.object({
    payload: base64,
    payloadType: z.literal(IN_TOTO_PAYLOAD_TYPE),
    signatures: z.tuple([z.object({ sig: base64 })]),
  }),
});
export type SigstoreBundle = z.infer<typeof SigstoreBundle>;

/**
 * Bytes of the bundle. The hint names the key; there is no `keyid` in the envelope, because cosign refuses a bundle whose
 * keyid is not the one it computes.
 */
export const bundleBytes = (spki: Uint8Array, payload: Uint8Array, signature: Uint8Array): Uint8Array =>
  canonicalBytes({
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: createHash('sha256').update(spki).digest('base64') } },
    dsseEnvelope: {
      payload: Buffer.from(payload).toString('base64'),
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      signatures: [{ sig: Buffer.from(signature).toString('base64') }],
    },
  });
