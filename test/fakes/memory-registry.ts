import { createHash } from 'node:crypto';
import { Fault } from '../../core/faults.ts';
import type { Descriptor, Registry } from '../../core/ports/registry.ts';
import { OciDigest } from '../../events/fields.ts';

const digestOfBytes = (bytes: Uint8Array): OciDigest =>
  OciDigest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

/** A registry in memory that indexes referrers itself, as OCI distribution 1.1 asks. */
export class MemoryRegistry implements Registry {
  readonly repository: string;
  readonly manifests = new Map<string, { mediaType: string; bytes: Uint8Array }>();
  readonly tags = new Map<string, OciDigest>();
  readonly blobs = new Map<string, Uint8Array>();
  /** When true every call faults. */
  down = false;

  constructor(repository = 'registry.test/acme/app') {
    this.repository = repository;
  }

  async resolveTag(tag: string): Promise<OciDigest | undefined> {
    this.requireUp();
    return this.tags.get(tag);
  }

  async manifest(reference: OciDigest | string): Promise<{ mediaType: string; bytes: Uint8Array } | undefined> {
    this.requireUp();
    return this.manifests.get(this.tags.get(reference) ?? reference);
  }

  async blob(digest: OciDigest): Promise<AsyncIterable<Uint8Array> | undefined> {
    this.requireUp();
    const bytes = this.blobs.get(digest);
    return bytes && inChunks(bytes);
  }

  async referrers(digest: OciDigest): Promise<Descriptor[]> {
    this.requireUp();
    return [...this.manifests].flatMap(([name, { mediaType, bytes }]) => {
      const { subject, artifactType, annotations } = JSON.parse(Buffer.from(bytes).toString('utf8'));
      if (subject?.digest !== digest) return [];
      const more = { ...(artifactType ? { artifactType } : {}), ...(annotations ? { annotations } : {}) };
      return [{ mediaType, digest: OciDigest.parse(name), size: bytes.length, ...more }];
    });
  }

  async pushBlob(digest: OciDigest, bytes: Uint8Array): Promise<void> {
    this.requireUp();
    if (digestOfBytes(bytes) !== digest) throw new Fault('InputInvalid', `the bytes are not those of ${digest}`);
    this.blobs.set(digest, bytes);
  }

  async pushManifest(
    reference: OciDigest | string,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<{ indexed: boolean }> {
    this.requireUp();
    const digest = digestOfBytes(bytes);
    if (!reference.includes(':')) this.tags.set(reference, digest);
    else if (reference !== digest) throw new Fault('InputInvalid', `the bytes are not those of ${reference}`);
    this.manifests.set(digest, { mediaType, bytes });
    return { indexed: true };
  }

  private requireUp(): void {
    if (this.down) throw new Fault('RegistryUnreachable', 'the registry is down');
  }
}

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}
