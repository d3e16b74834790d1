import { createHash } from 'node:crypto';
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { TileCache } from '../../core/ports/tile-cache.ts';
import { storeCall } from './errors.ts';

export interface S3TileCacheConfig {
  readonly client: S3Client;
  readonly bucketName: string;
  /** Begins every key, with its slash. A lifecycle rule may delete what lies below it: a cache is never the record. */
  readonly prefix: string;
}

const MAX_KEY_BYTES = 1024;

/** The tile cache in S3; a put is whole or not at all. */
export function s3TileCache({ client, bucketName, prefix }: S3TileCacheConfig): TileCache {
  /** A module path may be longer than a key: its lookup lies under a hash, whose `=` no name holds. */
  const keyOf = (log: string, name: string): string => {
    const key = `${prefix}${log}/${name}`;
    if (Buffer.byteLength(key) <= MAX_KEY_BYTES) return key;
    return `${prefix}${log}/=${createHash('sha256').update(name).digest('hex')}`;
  };
  return {
    get: (log, name) =>
      storeCall('reading a tile', async () => {
        try {
          const { Body } = await client.send(new GetObjectCommand({ Bucket: bucketName, Key: keyOf(log, name) }));
          return await Body?.transformToByteArray();
        } catch (error) {
          if (error instanceof NoSuchKey) return undefined; // needs s3:ListBucket, or S3 answers AccessDenied
          throw error;
        }
      }),
    put: (log, name, bytes) =>
      storeCall('recording a tile', async () => {
        await client.send(new PutObjectCommand({ Bucket: bucketName, Key: keyOf(log, name), Body: bytes }));
      }),
  };
}
