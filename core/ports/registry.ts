import type { OciDigest } from '../../events/fields.ts';

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: OciDigest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * One repository of an OCI registry or layout folder. Trusted for availability only: callers recompute every digest.
 * `undefined` means the registry named it absent (404); all else throws `RegistryUnreachable`.
 */
export interface Registry {
  /** `host/path`, as subjects and annotations write it. */
  readonly repository: string;
  resolveTag(tag: string): Promise<OciDigest | undefined>;
  /** Raw manifest bytes, at most 4 MiB. */
  manifest(reference: OciDigest | string): Promise<{ mediaType: string; bytes: Uint8Array } | undefined>;
  /** Raw blob bytes as a stream; the caller stops at the size it expects. */
  blob(digest: OciDigest): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Manifests whose `subject` is this digest: Referrers API, else the fallback tag. At most 1,000. */
  referrers(digest: OciDigest): Promise<Descriptor[]>;
  /** Stores a blob unless it is there. */
  pushBlob(digest: OciDigest, bytes: Uint8Array): Promise<void>;
  /** Stores a manifest by digest, or under a tag. `indexed` when the registry itself lists it as a referrer. */
  pushManifest(reference: OciDigest | string, mediaType: string, bytes: Uint8Array): Promise<{ indexed: boolean }>;
}
