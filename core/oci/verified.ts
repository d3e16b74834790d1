import { createHash } from 'node:crypto';
import type { OciDigest } from '../../events/fields.ts';
import { sha256Hex } from '../evidence.ts';
import type { Registry } from '../ports/registry.ts';
import { type ImageDocument, MAX_MANIFEST_BYTES, parseImageDocument } from './manifest.ts';
import { ContentRefused } from './refused.ts';

/** Nothing of a registry is used before its digest was recomputed; all refusals are `ContentRefused`. */

interface Expected {
  readonly digest: OciDigest;
  readonly size: number;
}

/** The document of this digest, and its size in bytes. */
export async function verifiedManifest(
  registry: Registry,
  digest: OciDigest,
): Promise<{ document: ImageDocument; size: number }> {
  const found = await registry.manifest(digest);
  if (!found) throw new ContentRefused('oci.manifest-missing', { where: registry.repository, expected: digest });
  const { bytes, mediaType } = found;
  if (bytes.length > MAX_MANIFEST_BYTES)
    throw new ContentRefused('oci.manifest-invalid', { where: digest, expected: 'at most 4 MiB' });
  requireDigest(digest, `sha256:${sha256Hex(bytes)}`);
  return { document: parseImageDocument(bytes, mediaType, digest), size: bytes.length };
}

function requireDigest(expected: OciDigest, found: string): void {
  if (found !== expected) throw new ContentRefused('oci.digest-mismatch', { where: expected, expected, found });
}

export function requireSize({ digest, size }: Expected, found: number): void {
  if (found !== size)
    throw new ContentRefused('oci.size-mismatch', { where: digest, expected: String(size), found: String(found) });
}

/**
 * Streams a blob through `consume` and answers what it answers, once size and digest are those of the descriptor. The
 * digest is judged even when `consume` fails: wrong bytes are named as such, not as whatever they broke first.
 */
export async function verifiedBlob<T>(
  registry: Registry,
  expected: Expected,
  consume: (chunks: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const stream = await registry.blob(expected.digest);
  if (!stream) throw new ContentRefused('oci.blob-missing', { where: expected.digest });
  const source = stream[Symbol.asyncIterator]();
  const hash = createHash('sha256');
  let size = 0;
  let broken: { error: unknown } | undefined;
  const next = async (): Promise<IteratorResult<Uint8Array>> => {
    if (broken) throw broken.error;
    try {
      const step = await source.next();
      if (step.done) return step;
      size += step.value.length;
      // One byte too many is enough to know; a flood is not read to its end.
      if (size > expected.size) requireSize(expected, size);
      hash.update(step.value);
      return step;
    } catch (error) {
      broken = { error };
      throw error;
    }
  };
  const outcome = await settled(() => consume({ [Symbol.asyncIterator]: () => ({ next }) }));
  try {
    while (!(await next()).done);
    requireSize(expected, size);
    requireDigest(expected.digest, `sha256:${hash.digest('hex')}`);
  } finally {
    await source.return?.();
  }
  if (!outcome.ok) throw outcome.error;
  return outcome.value;
}

async function settled<T>(run: () => Promise<T>): Promise<{ ok: true; value: T } | { ok: false; error: unknown }> {
  try {
    return { ok: true, value: await run() };
  } catch (error) {
    return { ok: false, error };
  }
}

/** A small blob as a whole. The size is checked against `maxBytes` before anything is fetched. */
export async function verifiedBytes(registry: Registry, expected: Expected, maxBytes: number): Promise<Uint8Array> {
  if (expected.size > maxBytes)
    throw new ContentRefused('oci.limit', { where: expected.digest, expected: `at most ${maxBytes} bytes` });
  return verifiedBlob(registry, expected, async (chunks) => {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts);
  });
}
