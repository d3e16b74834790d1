import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { OciDigest } from '../../events/fields.ts';
import { MemoryRegistry } from '../../test/fakes/memory-registry.ts';
import { resolveImage } from './image.ts';
import { inspectImage } from './inspect-binaries.ts';
import { valueOrRefusal } from './refused.ts';

const folder = fileURLToPath(new URL('../../demo/fixtures/images/good/', import.meta.url));
const blobFile = (digest: string) => readFileSync(`${folder}blobs/sha256/${digest.slice('sha256:'.length)}`);

/** The sample image: one platform, one layer with one Go program. */
async function openSample() {
  const registry = new MemoryRegistry();
  const [entry] = JSON.parse(readFileSync(`${folder}index.json`, 'utf8')).manifests;
  const manifest = blobFile(entry.digest);
  await registry.pushManifest('v1.0.0', entry.mediaType, manifest);
  const { config, layers } = JSON.parse(manifest.toString('utf8'));
  for (const { digest } of [config, ...layers]) await registry.pushBlob(OciDigest.parse(digest), blobFile(digest));
  return { registry, digest: OciDigest.parse(entry.digest), layer: String(layers[0].digest) };
}

describe('inspecting an image', () => {
  it('reads the build info of the program that starts', async () => {
    const { registry, digest } = await openSample();
    const [platform] = (await resolveImage(registry, digest)).platforms;
    if (!platform) throw new Error('no platform');
    const { inspection, reasons } = await inspectImage(registry, platform);
    expect(reasons).toEqual([]);
    expect(inspection.binaries).toHaveLength(1);
    expect(inspection.entrypointFile).toBe(inspection.binaries[0]?.path);
    expect(inspection.binaries[0]?.settings['vcs.revision']).toMatch(/^[0-9a-f]{40}$/);
    expect(inspection.binaries[0]?.deps.every(({ h1 }) => h1?.startsWith('h1:'))).toBe(true);
  });

  it('refuses a layer with any byte flipped under the same digest as oci.digest-mismatch', async () => {
    const { registry, digest, layer } = await openSample();
    const [platform] = (await resolveImage(registry, digest)).platforms;
    if (!platform) throw new Error('no platform');
    const bytes = registry.blobs.get(layer) ?? new Uint8Array();
    for (const at of [0, 3, 20, Math.floor(bytes.length / 2), bytes.length - 1]) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ 1;
      registry.blobs.set(layer, flipped);
      const read = await valueOrRefusal(() => inspectImage(registry, platform));
      expect(read).toMatchObject({ kind: 'refused', refusal: { code: 'oci.digest-mismatch', expected: layer } });
    }
    registry.blobs.set(layer, bytes.subarray(1));
    const short = await valueOrRefusal(() => inspectImage(registry, platform));
    expect(short).toMatchObject({ refusal: { code: 'oci.size-mismatch' } });
    registry.blobs.delete(layer);
    const absent = await valueOrRefusal(() => inspectImage(registry, platform));
    expect(absent).toMatchObject({ refusal: { code: 'oci.blob-missing' } });
  });
});
