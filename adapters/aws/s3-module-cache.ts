import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Fault } from '../../core/faults.ts';
import { moduleObjectName } from '../../core/gosum/cached-modules.ts';
import { piecesOf } from '../../core/gosum/zip-hashing.ts';
import type { ModuleCache } from '../../core/ports/module-cache.ts';
import type { ModuleZip, RandomAccess } from '../../core/ports/module-source.ts';
import type { TenantId } from '../../events/fields.ts';
import { statusOf, storeCall } from './errors.ts';

export interface S3ModuleCacheConfig {
  readonly client: S3Client;
  /** Where the objects of a cache may be deleted by a lifecycle rule: it is never the record. */
  readonly bucketName: string;
  readonly tenant: TenantId;
}

/** Most zips are one request; the largest stay bounded in memory. */
const WINDOW_BYTES = 8 * 1024 * 1024;

interface Ranged {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly etag: string;
}

/** Reads the object through one window. Every read is of the version that was opened, or fails. */
class OpenedObject implements ModuleZip {
  readonly size: number;
  readonly #next: (from: number, to: number, etag: string) => Promise<Ranged>;
  readonly #etag: string;
  #window: Uint8Array;
  #start = 0;
  constructor(first: Ranged, next: (from: number, to: number, etag: string) => Promise<Ranged>) {
    this.size = first.size;
    this.#etag = first.etag;
    this.#window = first.bytes;
    this.#next = next;
  }
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (offset < 0 || offset + length > this.size) throw new RangeError('a read outside the object');
    if (offset >= this.#start && offset + length <= this.#start + this.#window.length)
      return this.#window.subarray(offset - this.#start, offset - this.#start + length);
    const end = Math.min(this.size, offset + Math.max(length, WINDOW_BYTES));
    const { bytes } = await this.#next(offset, end, this.#etag);
    this.#window = bytes;
    this.#start = offset;
    return bytes.subarray(0, length);
  }
  async release(): Promise<void> {
    this.#window = new Uint8Array();
  }
}

async function sha256Of(bytes: RandomAccess): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of piecesOf(bytes)) hash.update(piece);
  return hash.digest('base64');
}

/**
 * One tenant's module cache in S3. `If-None-Match: *`: what is there stays, so an object that was changed costs a fetch
 * each time until it is deleted; S3 takes no object that differs from its checksum.
 */
export function s3ModuleCache({ client, bucketName: Bucket, tenant }: S3ModuleCacheConfig): ModuleCache {
  async function range(Key: string, from: number, to: number, etag?: string): Promise<Ranged> {
    const Range = `bytes=${from}-${to - 1}`;
    const answer = await client.send(new GetObjectCommand({ Bucket, Key, Range, ...(etag ? { IfMatch: etag } : {}) }));
    const bytes = await answer.Body?.transformToByteArray();
    const [, first, size] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '') ?? [];
    const expected = Math.min(to, Number(size)) - from;
    if (!bytes || Number(first) !== from || bytes.length !== expected || answer.ETag === undefined)
      throw new Fault('StoreUnavailable', `${Key}: another range than was asked for`);
    return { bytes, size: Number(size), etag: answer.ETag };
  }
  return {
    get: (kind, h1) =>
      storeCall('reading a module', async () => {
        const key = moduleObjectName(tenant, kind, h1);
        try {
          const next = (from: number, to: number, etag: string) =>
            storeCall('reading a module', () => range(key, from, to, etag));
          return new OpenedObject(await range(key, 0, WINDOW_BYTES), next);
        } catch (error) {
          if (error instanceof NoSuchKey) return undefined; // needs s3:ListBucket, or S3 answers AccessDenied
          throw error;
        }
      }),
    put: (kind, h1, bytes) =>
      storeCall('storing a module', async () => {
        const Body = bytes.size <= WINDOW_BYTES ? await bytes.read(0, bytes.size) : Readable.from(piecesOf(bytes));
        const object = { Bucket, Key: moduleObjectName(tenant, kind, h1), Body, ContentLength: bytes.size };
        try {
          const ChecksumSHA256 = await sha256Of(bytes);
          await client.send(new PutObjectCommand({ ...object, ChecksumSHA256, IfNoneMatch: '*' }));
        } catch (error) {
          // 412: it is there. 409: another writer is storing the same, and nothing depends on who does.
          if (![412, 409].includes(statusOf(error) ?? 0)) throw error;
        }
      }),
  };
}
