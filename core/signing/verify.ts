import * as z from 'zod';
import { OciDigest, type Sha256Hex } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import type { Registry } from '../ports/registry.ts';
import type { Refusal } from '../verdict.ts';
import { BUNDLE_MEDIA_TYPE, MAX_BUNDLE_SIZE, SigstoreBundle } from './bundle.ts';
import { isSignedBy } from './dsse.ts';
import { digestOf, tryStrictJson } from './referrer.ts';
import { judgeStatement, type SignedImage } from './statement.ts';

/** Verification as a stranger does it: only the registry, the image digest and a public key given by the caller. */

/** A listing of this length may have been cut, so what it does not show may still be there. */
const MAX_LISTED = 1000;

const SignatureManifest = z.object({
  artifactType: z.literal(BUNDLE_MEDIA_TYPE),
  subject: z.object({ digest: OciDigest }),
  layers: z.tuple([
    z.object({ mediaType: z.literal(BUNDLE_MEDIA_TYPE), digest: OciDigest, size: z.int().min(2).max(MAX_BUNDLE_SIZE) }),
  ]),
});

export type SignatureFinding =
  | { readonly kind: 'valid'; readonly manifestDigest: OciDigest; readonly bundleSha256: Sha256Hex }
  | { readonly kind: 'refused'; readonly reasons: readonly [Refusal, ...Refusal[]] };

const refused = (first: Refusal, ...rest: Refusal[]): SignatureFinding => ({
  kind: 'refused',
  reasons: [first, ...rest],
});

/**
 * Checks that one known signature is listed for the image and good. Others that anyone may have attached are not asked.
 * @param spki DER of the key the caller trusts.
 */
export async function verifyListedSignature(
  registry: Registry,
  image: SignedImage,
  manifestDigest: OciDigest,
  spki: Uint8Array,
): Promise<SignatureFinding> {
  const listed = await registry.referrers(image.digest);
  if (!listed.some(({ digest }) => digest === manifestDigest))
    return refused({
      code: listed.length >= MAX_LISTED ? 'referrers.flood' : 'signature.missing',
      where: `${image.repository}@${image.digest}`,
      expected: manifestDigest,
      found: `${listed.length} referrers without it`,
      fix: 'Replay the run: the same signature is attached again.',
    });
  return verifySignatureManifest(registry, image, manifestDigest, spki);
}

/** Checks that at least one of the image's referrers is a good signature by this key. */
export async function findSignature(
  registry: Registry,
  image: SignedImage,
  spki: Uint8Array,
): Promise<SignatureFinding> {
  const listed = await registry.referrers(image.digest);
  const reasons: Refusal[] = [];
  for (const { digest } of listed) {
    const finding = await verifySignatureManifest(registry, image, digest, spki);
    if (finding.kind === 'valid') return finding;
    reasons.push(...finding.reasons);
  }
  const where = `${image.repository}@${image.digest}`;
  if (listed.length >= MAX_LISTED) return refused({ code: 'referrers.flood', where }, ...reasons);
  const found = listed.length === 0 ? 'no referrers' : `${listed.length} referrers, none a good signature by this key`;
  return refused({ code: 'signature.missing', where, found }, ...reasons);
}

/** The registry is trusted for nothing: each digest is recomputed before what it names is read. */
async function verifySignatureManifest(
  registry: Registry,
  image: SignedImage,
  manifestDigest: OciDigest,
  spki: Uint8Array,
): Promise<SignatureFinding> {
  const stored = await registry.manifest(manifestDigest);
  if (!stored) return refused({ code: 'signature.missing', where: manifestDigest, found: 'no manifest' });
  const found = digestOf(stored.bytes);
  if (found !== manifestDigest)
    return refused({ code: 'signature.invalid', where: 'manifest', expected: manifestDigest, found });
  const manifest = SignatureManifest.safeParse(tryStrictJson(stored.bytes));
  if (!manifest.success) return refused({ code: 'signature.malformed', where: manifestDigest });
  if (manifest.data.subject.digest !== image.digest)
    return refused({
      code: 'signature.wrong-subject',
      where: manifestDigest,
      expected: image.digest,
      found: manifest.data.subject.digest,
    });
  const [layer] = manifest.data.layers;
  const bundle = await readBlob(registry, layer.digest, layer.size);
  if (!bundle) return refused({ code: 'signature.invalid', where: layer.digest, found: 'no bundle with these bytes' });
  const [reason, ...more] = judgeBundle(bundle, image, spki);
  if (reason) return refused(reason, ...more);
  return { kind: 'valid', manifestDigest, bundleSha256: sha256Hex(bundle) };
}

/** Envelope first: a statement is read only after its signature holds. */
export function judgeBundle(bytes: Uint8Array, image: SignedImage, spki: Uint8Array): Refusal[] {
  const bundle = SigstoreBundle.safeParse(tryStrictJson(bytes));
  if (!bundle.success) return [{ code: 'signature.malformed', where: 'bundle' }];
  const { payload, signatures } = bundle.data.dsseEnvelope;
  const statement = Buffer.from(payload, 'base64');
  if (!isSignedBy(spki, statement, Buffer.from(signatures[0].sig, 'base64')))
    return [{ code: 'signature.invalid', where: 'envelope', found: 'not signed by this key' }];
  return judgeStatement(tryStrictJson(statement), image);
}

/** The blob, if it has exactly this size and digest. */
async function readBlob(registry: Registry, digest: OciDigest, size: number): Promise<Uint8Array | undefined> {
  const stream = await registry.blob(digest);
  if (!stream) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of stream) {
    length += part.length;
    if (length > size) return undefined;
    parts.push(part);
  }
  const bytes = Buffer.concat(parts);
  return digestOf(bytes) === digest ? bytes : undefined;
}
