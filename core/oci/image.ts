import * as z from 'zod';
import { OciDigest, RepositoryRef } from '../../events/fields.ts';
import type { Registry } from '../ports/registry.ts';
import {
  type ImageConfig,
  type ImageManifest,
  type OciDescriptor,
  parseImageConfig,
  platformName,
} from './manifest.ts';
import { ContentRefused } from './refused.ts';
import { requireSize, verifiedBytes, verifiedManifest } from './verified.ts';

const mediaType = z.string().min(1).max(255);

/** Evidence of kind `image-manifest`: what a digest stands for, one entry per platform. */
export const ImageRecord = z.strictObject({
  schema: z.literal('relseal.image/1'),
  repository: RepositoryRef,
  tag: z.string().min(1).max(255).optional(),
  digest: OciDigest,
  mediaType,
  platforms: z
    .array(
      z.strictObject({ name: z.string().min(1).max(255), digest: OciDigest, mediaType, size: z.int().nonnegative() }),
    )
    .min(1)
    .max(256),
});
export type ImageRecord = z.infer<typeof ImageRecord>;

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

export interface PlatformImage {
  readonly manifest: ImageManifest;
  readonly config: ImageConfig;
}

async function imageOf(registry: Registry, manifest: ImageManifest): Promise<PlatformImage> {
  const where = manifest.config.digest;
  const config = parseImageConfig(await verifiedBytes(registry, manifest.config, MAX_CONFIG_BYTES), where);
  if (config.rootfs.diff_ids.length !== manifest.layers.length)
    throw new ContentRefused('oci.manifest-invalid', {
      where,
      expected: `${manifest.layers.length} diff_ids, one for each layer`,
      found: String(config.rootfs.diff_ids.length),
    });
  return { manifest, config };
}

/** One platform's manifest and configuration, every digest recomputed. */
export async function readPlatformImage(registry: Registry, digest: OciDigest): Promise<PlatformImage> {
  const { document } = await verifiedManifest(registry, digest);
  if (document.kind === 'index')
    throw new ContentRefused('oci.index-nested', { where: digest, expected: 'the manifest of one platform' });
  return imageOf(registry, document.manifest);
}

type Resolved = Pick<ImageRecord, 'mediaType' | 'platforms'>;

/** What a digest stands for; all refusals are `ContentRefused`. */
export async function resolveImage(registry: Registry, digest: OciDigest): Promise<Resolved> {
  const { document, size } = await verifiedManifest(registry, digest);
  if (document.kind === 'manifest') {
    const { config } = await imageOf(registry, document.manifest);
    const platform = { name: platformName(config), digest, mediaType: document.mediaType, size };
    return { mediaType: document.mediaType, platforms: [platform] };
  }
  const children = document.index.manifests;
  const platforms: Resolved['platforms'] = [];
  for (const child of children) {
    if (await isAttestation(registry, child, children)) continue;
    const platform = await resolveChild(registry, child);
    if (platforms.some(({ name, digest: other }) => name === platform.name || other === platform.digest))
      throw new ContentRefused('oci.platform-duplicate', { where: digest, found: platform.name });
    platforms.push(platform);
  }
  if (platforms.length === 0)
    throw new ContentRefused('oci.platform-missing', { where: digest, expected: 'at least one platform' });
  return { mediaType: document.mediaType, platforms };
}

async function readChild(registry: Registry, child: OciDescriptor): Promise<ImageManifest> {
  const { document, size } = await verifiedManifest(registry, child.digest);
  requireSize(child, size);
  if (document.kind === 'index') throw new ContentRefused('oci.index-nested', { where: child.digest });
  if (document.mediaType !== child.mediaType)
    throw new ContentRefused('oci.manifest-invalid', {
      where: child.digest,
      expected: child.mediaType,
      found: document.mediaType,
    });
  return document.manifest;
}

async function resolveChild(registry: Registry, child: OciDescriptor): Promise<Resolved['platforms'][number]> {
  const { config } = await imageOf(registry, await readChild(registry, child));
  const name = platformName(config);
  // A node picks the child by its descriptor: what that says must be what the image is.
  if (!child.platform || platformName(child.platform) !== name)
    throw new ContentRefused('oci.platform-mismatch', {
      where: child.digest,
      expected: name,
      found: child.platform ? platformName(child.platform) : 'no platform',
    });
  return { name, digest: child.digest, mediaType: child.mediaType, size: child.size };
}

/**
 * BuildKit lists its attestations under `unknown/unknown`. Nothing runs from such a child when all its layers are
 * in-toto documents and it says which sibling it speaks of; anything else by that name is refused.
 */
async function isAttestation(
  registry: Registry,
  child: OciDescriptor,
  siblings: readonly OciDescriptor[],
): Promise<boolean> {
  if (!child.platform || platformName(child.platform) !== 'unknown/unknown') return false;
  const about = child.annotations?.['vnd.docker.reference.digest'];
  const { layers } = await readChild(registry, child);
  const inToto = layers.length > 0 && layers.every((layer) => layer.mediaType === 'application/vnd.in-toto+json');
  if (!inToto || !siblings.some((sibling) => sibling !== child && sibling.digest === about))
    throw new ContentRefused('oci.platform-unknown', {
      where: child.digest,
      expected: 'in-toto layers and a reference to a sibling',
    });
  return true;
}
