import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachReferrer, digestOf } from '../../core/signing/referrer.ts';
import { OciDigest } from '../../events/fields.ts';
import { judge, type LoopbackRegistry, pushImage, type RegistryKind, startRegistry } from './loopback-registry.ts';

const absent = OciDigest.parse(`sha256:${'0'.repeat(64)}`);
const programs = (['crane', 'docker-registry'] as const).map((kind) => ({ kind, program: judge(kind) }));

describe.each(programs.filter(({ program }) => program))(
  'ociRegistry against $kind',
  ({ kind, program }: { kind: RegistryKind; program: string | undefined }) => {
    let server: LoopbackRegistry;
    beforeAll(async () => {
      server = await startRegistry(kind, program ?? '');
    });
    afterAll(() => server.stop());

    it('reads back what it pushed, by tag and by digest', async () => {
      const registry = server.client('acme/payments');
      const { digest, mediaType } = await pushImage(registry, 'v1');
      expect(await registry.resolveTag('v1')).toBe(digest);
      const manifest = await registry.manifest(digest);
      expect(manifest?.mediaType).toBe(mediaType);
      expect(digestOf(manifest?.bytes ?? new Uint8Array())).toBe(digest);
    });

    it('streams a blob', async () => {
      const registry = server.client('acme/blobs');
      const bytes = Buffer.alloc(300_000, 'relseal');
      await registry.pushBlob(digestOf(bytes), bytes);
      await registry.pushBlob(digestOf(bytes), bytes);
      const parts: Uint8Array[] = [];
      for await (const part of (await registry.blob(digestOf(bytes))) ?? []) parts.push(part);
      expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    });

    it('answers undefined for what is not there', async () => {
      const registry = server.client('acme/nothing');
      expect(await registry.resolveTag('v1')).toBeUndefined();
      expect(await registry.manifest(absent)).toBeUndefined();
      expect(await registry.blob(absent)).toBeUndefined();
      expect(await registry.referrers(absent)).toEqual([]);
    });

    it('lists each referrer once, however often it was attached', async () => {
      const registry = server.client('acme/referrers');
      const image = await pushImage(registry, 'v1');
      const attach = (bundle: string) => attachReferrer(registry, image, Buffer.from(bundle), '2026-11-24T12:00:00Z');
      const first = await attach('{"a":1}');
      await attach('{"a":1}');
      const second = await attach('{"a":2}');
      expect((await registry.referrers(image.digest)).map(({ digest }) => digest)).toEqual([first, second]);
    });
  },
);
