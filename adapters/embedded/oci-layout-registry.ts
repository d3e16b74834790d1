import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { parseStrictJson, StrictJsonError } from '../../core/oci/strict-json.ts';
import type { Descriptor, Registry } from '../../core/ports/registry.ts';
import { OciDigest } from '../../events/fields.ts';

/** An OCI image layout folder (image-spec 1.1): `oci-layout`, `index.json`, `blobs/sha256/<hex>`. */

const MAX_DOCUMENT_BYTES = 4 * 1024 * 1024;
const MAX_REFERRERS = 1000;
const TAG = 'org.opencontainers.image.ref.name';

const LayoutEntry = z.looseObject({
  mediaType: z.string().min(1),
  digest: OciDigest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).optional(),
});
const LayoutIndex = z.looseObject({ schemaVersion: z.literal(2), manifests: z.array(LayoutEntry).max(100_000) });
type LayoutIndex = z.infer<typeof LayoutIndex>;

const PushedDocument = z.object({
  mediaType: z.string().optional(),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
  subject: z.object({ digest: OciDigest }).optional(),
});

const unreachable = (what: string, cause?: unknown): Fault =>
  new Fault('RegistryUnreachable', `the layout folder: ${what}`, { cause });

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

/** Writes beside the target, then renames: a reader or a crash sees the old bytes or the new ones. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const part = `${path}.${randomUUID()}.part`;
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(part, 'wx');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, path);
    const folder = await open(dirname(path));
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    await rm(part, { force: true });
    throw unreachable('it cannot be written', error);
  }
}

export class OciLayoutRegistry implements Registry {
  readonly repository: string;
  private readonly folder: string;
  /** index.json is read, changed and written by one push at a time. */
  private writing: Promise<unknown> = Promise.resolve();

  constructor(folder: string, repository: string) {
    this.folder = folder;
    this.repository = repository;
  }

  async resolveTag(tag: string): Promise<OciDigest | undefined> {
    return (await this.index()).manifests.find(({ annotations }) => annotations?.[TAG] === tag)?.digest;
  }

  async manifest(reference: OciDigest | string): Promise<{ mediaType: string; bytes: Uint8Array } | undefined> {
    const parsed = OciDigest.safeParse(reference);
    const digest = parsed.success ? parsed.data : await this.resolveTag(reference);
    const bytes = digest && (await this.readBlob(digest));
    if (!bytes || !digest) return undefined;
    const listed = (await this.index()).manifests.find((entry) => entry.digest === digest);
    const mediaType = listed?.mediaType ?? this.describe(bytes)?.mediaType;
    return mediaType === undefined ? undefined : { mediaType, bytes };
  }

  async blob(digest: OciDigest): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = this.blobPath(digest);
    try {
      await stat(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw unreachable('a blob cannot be read', error);
    }
    return readChunks(path);
  }

  async referrers(digest: OciDigest): Promise<Descriptor[]> {
    const found = new Map<OciDigest, Descriptor>();
    for (const { digest: name, mediaType, size } of (await this.index()).manifests) {
      const bytes = await this.readBlob(name);
      const document = bytes && this.describe(bytes);
      if (document?.subject?.digest !== digest || found.size >= MAX_REFERRERS) continue;
      const { artifactType, annotations } = document;
      const more = { ...(artifactType ? { artifactType } : {}), ...(annotations ? { annotations } : {}) };
      found.set(name, { mediaType, digest: name, size, ...more });
    }
    return [...found.values()];
  }

  async pushBlob(digest: OciDigest, bytes: Uint8Array): Promise<void> {
    if (digestOf(bytes) !== digest) throw new Fault('InputInvalid', `the bytes are not those of ${digest}`);
    await replaceFile(this.blobPath(digest), bytes);
  }

  /** Referrers are found by reading what the index lists, so each manifest pushed is indexed. */
  async pushManifest(
    reference: OciDigest | string,
    mediaType: string,
    bytes: Uint8Array,
  ): Promise<{ indexed: boolean }> {
    const digest = digestOf(bytes);
    const tag = reference.includes(':') ? undefined : reference;
    if (tag === undefined && reference !== digest)
      throw new Fault('InputInvalid', `the bytes are not those of ${reference}`);
    await this.pushBlob(digest, bytes);
    await this.exclusively(async () => {
      const index = await this.index();
      if (tag === undefined && index.manifests.some((entry) => entry.digest === digest)) return;
      const kept = index.manifests.filter(({ annotations }) => tag === undefined || annotations?.[TAG] !== tag);
      const entry = { mediaType, digest, size: bytes.length, ...(tag ? { annotations: { [TAG]: tag } } : {}) };
      const next: LayoutIndex = { ...index, manifests: [...kept, entry] };
      await replaceFile(join(this.folder, 'oci-layout'), Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
      await replaceFile(join(this.folder, 'index.json'), Buffer.from(JSON.stringify(next)));
    });
    return { indexed: true };
  }

  private exclusively<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.writing.then(change, change);
    this.writing = turn.catch(() => undefined);
    return turn;
  }

  private blobPath(digest: OciDigest): string {
    return join(this.folder, 'blobs', 'sha256', digest.slice('sha256:'.length));
  }

  /** A folder without index.json is no layout: unreachable, not empty. */
  private async index(): Promise<LayoutIndex> {
    try {
      return LayoutIndex.parse(parseStrictJson(await readFile(join(this.folder, 'index.json'))));
    } catch (error) {
      throw unreachable('index.json cannot be read', error);
    }
  }

  private async readBlob(digest: OciDigest): Promise<Uint8Array | undefined> {
    const path = this.blobPath(digest);
    try {
      if ((await stat(path)).size > MAX_DOCUMENT_BYTES) return undefined;
      return await readFile(path);
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw unreachable('a blob cannot be read', error);
    }
  }

  /** `undefined` for what is no manifest: a config or layer of the layout is one blob among others. */
  private describe(bytes: Uint8Array): z.infer<typeof PushedDocument> | undefined {
    try {
      return PushedDocument.safeParse(parseStrictJson(bytes)).data;
    } catch (error) {
      if (error instanceof StrictJsonError) return undefined;
      throw error;
    }
  }
}

const digestOf = (bytes: Uint8Array): OciDigest =>
  OciDigest.parse(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

async function* readChunks(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk;
  } catch (error) {
    throw unreachable('a blob cannot be read', error);
  }
}
