import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  GetObjectCommand,
  GetObjectRetentionCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  NoSuchKey,
  PutObjectCommand,
  type PutObjectCommandInput,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Fault } from '../../core/faults.ts';
import type { WormStore, WormVersions } from '../../core/ports/worm-store.ts';
import { isTooShort, type Retention, retainUntil } from '../../core/retention.ts';
import { isNamed, statusOf, storeCall } from './errors.ts';

export interface S3WormConfig {
  readonly client: S3Client;
  readonly bucketName: string;
  /** Object Lock of every object, sent with it: a bucket default can be changed, a request cannot. */
  readonly retention: Retention;
  readonly now: () => number;
}

const ATTEMPTS = 5;
const NAME = /^t\/[a-z][a-z0-9-]{0,38}(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._-]{1,255})+$/;

function requireName(name: string): void {
  if (name.length > 1024 || !NAME.test(name)) throw new Fault('InputInvalid', 'not a name of a write-once object');
}

/** Write-once objects in S3 under Object Lock. `If-None-Match: *` makes one of racing writers win. */
export function s3WormStore({ client, bucketName, retention, now }: S3WormConfig): WormStore & WormVersions {
  async function find(name: string): Promise<{ bytes: Uint8Array; heldMs: number | undefined } | undefined> {
    try {
      const found = await client.send(new GetObjectCommand({ Bucket: bucketName, Key: name }));
      const bytes = await found.Body?.transformToByteArray();
      return bytes && { bytes, heldMs: found.ObjectLockRetainUntilDate?.getTime() };
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

  /** Until when an object is locked, in ms since 1970; 0 for one that is not. */
  async function heldUntil(name: string): Promise<number> {
    try {
      const held = await client.send(new GetObjectRetentionCommand({ Bucket: bucketName, Key: name }));
      return held.Retention?.RetainUntilDate?.getTime() ?? 0;
    } catch (error) {
      if (isNamed(error, 'NoSuchObjectLockConfiguration')) return 0;
      throw error;
    }
  }

  /** An object that is named again is kept as long again: whoever names it now must find it as long as what is new. */
  async function extend(name: string, toldMs: number | undefined): Promise<void> {
    const untilMs = retainUntil(retention, name, now());
    // Some services do not tell it with the object.
    if (!isTooShort(toldMs ?? (await heldUntil(name)), untilMs)) return;
    const Retention = { Mode: retention.mode, RetainUntilDate: new Date(untilMs) };
    await client.send(new PutObjectRetentionCommand({ Bucket: bucketName, Key: name, Retention }));
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
          ObjectLockRetainUntilDate: new Date(retainUntil(retention, name, now())),
        });
        if (created === 'created') return 'created';
        const stored = await find(name);
        if (!stored) throw new Fault('StoreUnavailable', `${name} exists and cannot be read`);
        if (!Buffer.from(stored.bytes).equals(bytes))
          throw new Fault('WormConflict', `${name} is stored with other bytes`);
        await extend(name, stored.heldMs);
        return 'existed';
      }),
    get: (name) =>
      storeCall('reading an object', async () => {
        requireName(name);
        return (await find(name))?.bytes;
      }),
    versionsOf: (name) =>
      storeCall('listing versions', async () => {
        requireName(name);
        // Those of the name itself are listed before those of longer names.
        const page = await client.send(new ListObjectVersionsCommand({ Bucket: bucketName, Prefix: name }));
        const of = (listed: readonly { Key?: string | undefined }[] = []) =>
          listed.filter(({ Key }) => Key === name).length;
        return { versions: of(page.Versions), markers: of(page.DeleteMarkers) };
      }),
    async *list(prefix, after) {
      let token: string | undefined;
      do {
        const page = await storeCall('listing objects', () =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucketName,
              Prefix: prefix,
              // The service looks at it with the first page only.
              ...(token ? { ContinuationToken: token } : after === undefined ? {} : { StartAfter: after }),
            }),
          ),
        );
        for (const { Key } of page.Contents ?? []) if (Key !== undefined) yield Key;
        token = page.NextContinuationToken;
      } while (token !== undefined);
    },
  };
}
