import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Registry } from '../../core/ports/registry.ts';
import { OciDigest } from '../../events/fields.ts';

const digestOf = (bytes: Uint8Array) => OciDigest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const manifestOf = (more: object) =>
  Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config: {}, layers: [], ...more }));

/** `open` gives an empty repository. */
export function registryContract(name: string, open: () => Promise<Registry>): void {
  describe(`${name} as a registry`, () => {
    it('gives back blobs, and answers undefined for what is not there', async () => {
      const registry = await open();
      const bytes = Buffer.from('layer');
      expect(await registry.blob(digestOf(bytes))).toBeUndefined();
      await registry.pushBlob(digestOf(bytes), bytes);
      await registry.pushBlob(digestOf(bytes), bytes);
      const parts: Uint8Array[] = [];
      for await (const part of (await registry.blob(digestOf(bytes))) ?? []) parts.push(part);
      expect(Buffer.concat(parts)).toEqual(bytes);
      expect(await registry.manifest(digestOf(bytes.subarray(1)))).toBeUndefined();
    });

    it('moves a tag and keeps what it named by digest', async () => {
      const registry = await open();
      const [one, two] = [manifestOf({ annotations: { n: '1' } }), manifestOf({ annotations: { n: '2' } })];
      expect(await registry.resolveTag('v1')).toBeUndefined();
      await registry.pushManifest('v1', MANIFEST, one);
      await registry.pushManifest('v1', MANIFEST, two);
      expect(await registry.resolveTag('v1')).toBe(digestOf(two));
      for (const bytes of [one, two]) {
        const found = await registry.manifest(digestOf(bytes));
        expect(found?.mediaType).toBe(MANIFEST);
        expect(Buffer.from(found?.bytes ?? [])).toEqual(bytes);
      }
    });

    it('lists a referrer of a subject once', async () => {
      const registry = await open();
      const image = manifestOf({});
      await registry.pushManifest('v1', MANIFEST, image);
      const subject = { mediaType: MANIFEST, digest: digestOf(image), size: image.length };
      const referrer = manifestOf({ artifactType: 'application/x', subject });
      for (let push = 0; push < 2; push += 1) await registry.pushManifest(digestOf(referrer), MANIFEST, referrer);
      expect(await registry.referrers(digestOf(image))).toEqual([
        { mediaType: MANIFEST, digest: digestOf(referrer), size: referrer.length, artifactType: 'application/x' },
      ]);
      expect(await registry.referrers(digestOf(referrer))).toEqual([]);
    });
  });
}
