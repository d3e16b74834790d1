import { CreateBucketCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3ModuleCache } from '../../adapters/aws/s3-module-cache.ts';
import { H1Digest } from '../../core/brands.ts';
import { moduleObjectName } from '../../core/gosum/cached-modules.ts';
import { accessOf } from '../../core/gosum/zip-hashing.ts';
import { TenantId } from '../../events/fields.ts';
import { describeModuleCache } from '../contracts/module-cache.contract.ts';
import { type Emulator, emulatorProgram, startEmulator } from './emulator.ts';

const program = emulatorProgram();
const TENANT = TenantId.parse('acme');
const H1 = H1Digest.parse(`h1:${'A'.repeat(43)}=`);

describe.skipIf(!program)('the module cache in S3, on the emulator', () => {
  let emulator: Emulator;
  let client: S3Client;
  let made = 0;
  beforeAll(async () => {
    emulator = await startEmulator(program ?? '');
    client = new S3Client({ ...emulator.client, forcePathStyle: true });
  }, 60_000);
  afterAll(() => emulator?.stop());

  async function bucket(): Promise<string> {
    made += 1;
    const Bucket = `modules-${made}`;
    await client.send(new CreateBucketCommand({ Bucket }));
    return Bucket;
  }
  const cacheIn = (bucketName: string, tenant = TENANT) => s3ModuleCache({ client, bucketName, tenant });

  describeModuleCache('S3', async () => cacheIn(await bucket()));

  it('keeps tenants apart, under the name that the folder uses too', async () => {
    const bucketName = await bucket();
    await cacheIn(bucketName).put('zip', H1, accessOf(Buffer.from('private')));
    expect(await cacheIn(bucketName, TenantId.parse('other')).get('zip', H1)).toBeUndefined();
    const Key = moduleObjectName(TENANT, 'zip', H1);
    expect(await client.send(new HeadObjectCommand({ Bucket: bucketName, Key }))).toMatchObject({ ContentLength: 7 });
  });

  it('leaves the first of two in place', async () => {
    const bucketName = await bucket();
    const cache = cacheIn(bucketName);
    await cache.put('zip', H1, accessOf(Buffer.from('first')));
    await cache.put('zip', H1, accessOf(Buffer.from('second')));
    const kept = await cache.get('zip', H1);
    expect(Buffer.from((await kept?.read(0, kept.size)) ?? []).toString()).toBe('first');
  });

  it('does not mix two versions of an object into one reading', async () => {
    const Bucket = await bucket();
    const cache = cacheIn(Bucket);
    const size = 20 * 1024 * 1024;
    await cache.put('zip', H1, accessOf(Buffer.alloc(size, 'a')));
    const kept = await cache.get('zip', H1);
    const Key = moduleObjectName(TENANT, 'zip', H1);
    await client.send(new PutObjectCommand({ Bucket, Key, Body: Buffer.alloc(size, 'b') }));
    await expect(kept?.read(size - 10, 10)).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });

  it('is unavailable, never empty, where the bucket is not there', async () => {
    await expect(cacheIn('no-such-bucket').get('zip', H1)).rejects.toMatchObject({ name: 'StoreUnavailable' });
  });
});
