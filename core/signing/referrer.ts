import * as z from 'zod';
import { OciDigest } from '../../events/fields.ts';
import { canonicalBytes } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { parseStrictJson, StrictJsonError } from '../oci/strict-json.ts';
import type { Descriptor, Registry } from '../ports/registry.ts';
import { BUNDLE_MEDIA_TYPE } from './bundle.ts';
import { SIGN_PREDICATE_TYPE } from './statement.ts';

/** A bundle as OCI referrer (image-spec 1.1 `subject`), as cosign v3 pushes it. */

const MANIFEST_MEDIA_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const INDEX_MEDIA_TYPE = 'application/vnd.oci.image.index.v1+json';
const EMPTY_CONFIG = { mediaType: 'application/vnd.oci.empty.v1+json', bytes: Buffer.from('{}') };
const MAX_REFERRERS = 1000;
const FALLBACK_ATTEMPTS = 5;

export const digestOf = (bytes: Uint8Array): OciDigest => OciDigest.parse(`sha256:${sha256Hex(bytes)}`);

const describe = (mediaType: string, bytes: Uint8Array): Descriptor => ({
  mediaType,
  digest: digestOf(bytes),
  size: bytes.length,
});

/** `created` is RFC 3339 and part of the digest: the same signature must always carry the same one. */
export const referrerManifest = (subject: Descriptor, bundle: Uint8Array, created: string): Uint8Array =>
  canonicalBytes({
    schemaVersion: 2,
    mediaType: MANIFEST_MEDIA_TYPE,
    artifactType: BUNDLE_MEDIA_TYPE,
    config: describe(EMPTY_CONFIG.mediaType, EMPTY_CONFIG.bytes),
    layers: [describe(BUNDLE_MEDIA_TYPE, bundle)],
    subject,
    annotations: {
      'dev.sigstore.bundle.content': 'dsse-envelope',
      'dev.sigstore.bundle.predicateType': SIGN_PREDICATE_TYPE,
      'org.opencontainers.image.created': created,
    },
  });

/**
 * Attaches a bundle to its subject; doing it again changes nothing. Blobs first, then the manifest, then the listing: a
 * crash in between leaves only what nobody finds, and the next attempt writes the same bytes.
 */
export async function attachReferrer(
  registry: Registry,
  subject: Descriptor,
  bundle: Uint8Array,
  created: string,
): Promise<OciDigest> {
  const manifest = referrerManifest(subject, bundle, created);
  const descriptor = { ...describe(MANIFEST_MEDIA_TYPE, manifest), artifactType: BUNDLE_MEDIA_TYPE };
  await registry.pushBlob(digestOf(EMPTY_CONFIG.bytes), EMPTY_CONFIG.bytes);
  await registry.pushBlob(digestOf(bundle), bundle);
  const { indexed } = await registry.pushManifest(descriptor.digest, MANIFEST_MEDIA_TYPE, manifest);
  if (!indexed) await listUnderFallbackTag(registry, subject.digest, descriptor);
  return descriptor.digest;
}

/** The tag of distribution-spec's referrers fallback: `sha256-<hex>`, without a suffix. */
const fallbackTag = (digest: OciDigest): string => digest.replace(':', '-');

/** Read, modify, write without a lock: another writer may win the race, so the tag is read again until we are in it. */
async function listUnderFallbackTag(registry: Registry, subject: OciDigest, referrer: Descriptor): Promise<void> {
  const tag = fallbackTag(subject);
  for (let attempt = 0; attempt < FALLBACK_ATTEMPTS; attempt += 1) {
    const listed = await readFallbackIndex(registry, tag);
    if (listed.some(({ digest }) => digest === referrer.digest)) return;
    if (listed.length >= MAX_REFERRERS) throw new Fault('LimitExceeded', `${tag} lists ${listed.length} referrers`);
    const index = { schemaVersion: 2, mediaType: INDEX_MEDIA_TYPE, manifests: [...listed, referrer] };
    await registry.pushManifest(tag, INDEX_MEDIA_TYPE, canonicalBytes(index));
  }
  const listed = await readFallbackIndex(registry, tag);
  if (!listed.some(({ digest }) => digest === referrer.digest))
    throw new Fault('RegistryUnreachable', `${tag} was overwritten ${FALLBACK_ATTEMPTS} times`);
}

/** Entries of others are written back as they were, fields we do not know included. */
const FallbackIndex = z.object({
  schemaVersion: z.literal(2),
  manifests: z.array(z.looseObject({ digest: OciDigest, mediaType: z.string(), size: z.int().nonnegative() })),
});

async function readFallbackIndex(registry: Registry, tag: string) {
  const found = await registry.manifest(tag);
  if (!found) return [];
  const index = FallbackIndex.safeParse(found.mediaType === INDEX_MEDIA_TYPE ? tryStrictJson(found.bytes) : undefined);
  if (!index.success) throw new Fault('InputInvalid', `tag ${tag} holds something else than a referrers index`);
  return index.data.manifests;
}

/** `undefined` for bytes that Go and JavaScript might read differently, or not at all. */
export function tryStrictJson(bytes: Uint8Array): unknown {
  try {
    return parseStrictJson(bytes);
  } catch (error) {
    if (error instanceof StrictJsonError) return undefined;
    throw error;
  }
}
