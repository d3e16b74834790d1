import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  NoSuchKey,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Fault } from '../../core/faults.ts';
import type { WormStore } from '../../core/ports/worm-store.ts';
import { statusOf, storeCall } from './errors.ts';

export interface S3WormConfig {
  readonly client: S3Client;
  readonly bucketName: string;
  /** Object Lock of every object, sent with it: a bucket default can be changed, a request cannot. */
  readonly retention: { readonly mode: 'COMPLIANCE' | 'GOVERNANCE'; readonly days: number };
  readonly now: () => number;
}

const ATTEMPTS = 5;
const NAME = /^t\/[a-z][a-z0-9-]{0,38}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,255})+$/;

function requireName(name: string): void {
  if (name.length > 1024 || !NAME.test(name)) throw new Fault('InputInvalid', 'not a name of a write-once object');
}

/** Write-once objects in S3 under Object Lock. `If-None-Match: *` makes one of racing writers win. */
export function s3WormStore({ client, bucketName, retention, now }: S3WormConfig): WormStore {
  async function read(name: string): Promise<Uint8Array | undefined> {
    try {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucketName, Key: name }));
      return await Body?.transformToByteArray();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined; // needs s3:ListBucket, or S3 answers AccessDenied
      throw error;
    }
  }

  async function create(input: PutObjectCommandInput): Promise<'created' | 'taken'> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.send(new PutObjectCommand(input));
        return 'created';
      } catch (error) {
        const status = statusOf(error);
        if (status === 412) return 'taken';
        // 409 ConditionalRequestConflict: another conditional write of this name is in flight; neither has won yet.
        if (status !== 409 || attempt === ATTEMPTS) throw error;
        await delay(50 * 2 ** attempt * (0.5 + Math.random()));
      }
    }
  }

  return {
    put: (name, bytes) =>
      storeCall('storing an object', async () => {
        requireName(name);
        const created = await create({
          Bucket: bucketName,
          Key: name,
          Body: bytes,
          IfNoneMatch: '*',
          ChecksumSHA256: createHash('sha256').update(bytes).digest('base64'),
          ObjectLockMode: retention.mode,
          ObjectLockRetainUntilDate: new Date(now() + retention.days * 86_400_000),
        });
        if (created === 'created') return 'created';
        const stored = await read(name);
        if (!stored) throw new Fault('StoreUnavailable', `${name} exists and cannot be read`);
        if (!Buffer.from(stored).equals(bytes)) throw new Fault('WormConflict', `${name} is stored with other bytes`);
        return 'existed';
      }),
    get: (name) =>
      storeCall('reading an object', async () => {
        requireName(name);
        return read(name);
      }),
    async *list(prefix) {
      let token: string | undefined;
      do {
        const page = await storeCall('listing objects', () =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucketName,
              Prefix: prefix,
              ...(token ? { ContinuationToken: token } : {}),
            }),
          ),
        );
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
        token = page.NextContinuationToken;
      } while (token !== undefined);
    },
  };
}
