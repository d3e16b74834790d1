import { createHash } from 'node:crypto';
import { createGunzip } from 'node:zlib';
import type { OciDigest } from '../../events/fields.ts';
import type { Registry } from '../ports/registry.ts';
import type { OciDescriptor } from './manifest.ts';
import { ContentRefused } from './refused.ts';
import { readTar, type TarEntry } from './tar.ts';
import { verifiedBlob } from './verified.ts';

/** Unpacked bytes of one layer; more is a bomb or needs another tool. */
const MAX_LAYER_BYTES = 8 * 1024 ** 3;

type Packing = 'none' | 'gzip';

/** zstd is refused on every Node alike, since only some have it: a verdict must not depend on the machine. */
const PACKINGS: ReadonlyMap<string, Packing> = new Map([
  ['application/vnd.oci.image.layer.v1.tar', 'none'],
  ['application/vnd.oci.image.layer.v1.tar+gzip', 'gzip'],
  ['application/vnd.docker.image.rootfs.diff.tar', 'none'],
  ['application/vnd.docker.image.rootfs.diff.tar.gzip', 'gzip'],
]);

/** Reads one layer: blob digest and size, packing, diff_id and tar structure are all judged. */
export async function readLayer(
  registry: Registry,
  layer: OciDescriptor,
  diffId: OciDigest,
  visit: (entry: TarEntry, body: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const packing = PACKINGS.get(layer.mediaType);
  if (!packing || (layer.urls && layer.urls.length > 0))
    throw new ContentRefused('oci.layer-unsupported', {
      where: layer.digest,
      expected: [...PACKINGS.keys()].join(', '),
      found: layer.urls?.length ? `${layer.mediaType} at foreign addresses` : layer.mediaType,
    });
  await verifiedBlob(registry, layer, async (chunks) => {
    const tar = packing === 'gzip' ? gunzipped(chunks, layer.digest) : chunks;
    const hash = createHash('sha256');
    try {
      await readTar(hashed(tar, layer.digest, hash), visit);
    } catch (error) {
      if (!(error instanceof ContentRefused) || error.refusal.where) throw error;
      throw new ContentRefused(error.refusal.code, { ...error.refusal, where: layer.digest });
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (found !== diffId)
      throw new ContentRefused('oci.diffid-mismatch', { where: layer.digest, expected: diffId, found });
  });
}

async function* hashed(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
  hash: ReturnType<typeof createHash>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MAX_LAYER_BYTES)
      throw new ContentRefused('oci.limit', { where, expected: `at most ${MAX_LAYER_BYTES} unpacked bytes` });
    hash.update(chunk);
    yield chunk;
  }
}

/** One gzip stream, several members allowed (eStargz); bytes after the last member are refused. */
async function* gunzipped(
  chunks: AsyncIterable<Uint8Array>,
  where: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip();
  let fed = 0;
  let failure: { error: unknown } | undefined;
  const feed = async () => {
    try {
      for await (const chunk of chunks) {
        fed += chunk.length;
        await new Promise<void>((resolve) => gunzip.write(chunk, () => resolve()));
        if (gunzip.destroyed) return;
      }
      gunzip.end();
    } catch (error) {
      failure = { error };
      gunzip.destroy(new Error('the source of the stream failed'));
    }
  };
  // Not awaited: after the last member zlib never calls back for what follows. `failure` carries its errors.
  void feed();
  try {
    for await (const chunk of gunzip) yield chunk;
  } catch (error) {
    if (failure) throw failure.error;
    throw new ContentRefused('oci.layer-invalid', {
      where,
      expected: 'gzip',
      found: error instanceof Error ? error.message : 'unreadable bytes',
    });
  } finally {
    gunzip.destroy();
  }
  if (gunzip.bytesWritten !== fed)
    throw new ContentRefused('oci.layer-invalid', { where, expected: 'nothing after the gzip stream', found: 'bytes' });
}
