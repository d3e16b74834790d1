import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  PutObjectRetentionCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { sha256Hex } from '../../core/evidence.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { type AuditDeps, auditLedger } from '../../core/ledger/audit.ts';
import { parseEntry } from '../../core/ledger/entry.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';
import { describeWormStore } from '../contracts/worm-store.contract.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryAuditStore } from '../fakes/memory-audit-store.ts';
import { memoryLedgerStore } from '../fakes/memory-ledger-store.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { judge } from './loopback-registry.ts';

const program = judge('versitygw');
const RETENTION = { mode: 'COMPLIANCE' as const, days: 1 };
let child: ChildProcess | undefined;
let client: S3Client;
let folder = '';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function listening(url: string, started: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 200 && started.exitCode === null; attempt += 1) {
    if (
      await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      )
    )
      return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} does not answer`);
}

let buckets = 0;
async function freshBucket(): Promise<string> {
  buckets += 1;
  const Bucket = `worm-${buckets}`;
  await client.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  return Bucket;
}
const storeOf = (bucketName: string) => s3WormStore({ client, bucketName, retention: RETENTION, now: Date.now });

describe.skipIf(!program)('versitygw', () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relseal-versity-'));
    const [versions, metadata, content] = ['versions', 'metadata', 'content'].map((name) => join(folder, name));
    for (const path of [versions, metadata, content]) mkdirSync(path ?? '');
    const host = `127.0.0.1:${await freePort()}`;
    const flags = ['--port', host, '--access', 'test', '--secret', 'testsecret', '--health', '/health', 'posix'];
    const folders = ['--versioning-dir', versions ?? '', '--sidecar', metadata ?? '', content ?? ''];
    child = spawn(program ?? '', [...flags, ...folders], { stdio: 'ignore' });
    await listening(`http://${host}`, child);
    client = new S3Client({
      endpoint: `http://${host}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: 'test', secretAccessKey: 'testsecret' },
    });
  });
  afterAll(async () => {
    client.destroy();
    const ended = new Promise((resolve) => child?.once('exit', resolve));
    child?.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  describeWormStore('S3 in versitygw', async () => storeOf(await freshBucket()));

  describe('object lock, judged by versitygw', () => {
    const Key = 't/acme/seg/0-a';
    async function locked() {
      const Bucket = await freshBucket();
      await storeOf(Bucket).put(Key, Buffer.from('one'));
      const { VersionId } = await client.send(new HeadObjectCommand({ Bucket, Key }));
      return { Bucket, VersionId };
    }

    it('keeps every object under COMPLIANCE for the days that were asked', async () => {
      const { Bucket } = await locked();
      const { Retention } = await client.send(new GetObjectRetentionCommand({ Bucket, Key }));
      expect(Retention?.Mode).toBe('COMPLIANCE');
      const days = ((Retention?.RetainUntilDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(0.99);
      expect(days).toBeLessThanOrEqual(1.01);
    });

    it('lets no version be deleted', async () => {
      const { Bucket, VersionId } = await locked();
      await expect(client.send(new DeleteObjectCommand({ Bucket, Key, VersionId }))).rejects.toThrow(
        expect.objectContaining({ name: 'AccessDenied' }),
      );
      expect(await storeOf(Bucket).get(Key)).toEqual(new TextEncoder().encode('one'));
    });

    it('lets the retention be neither shortened nor weakened', async () => {
      const { Bucket, VersionId } = await locked();
      const soon = new Date(Date.now() + 60_000);
      for (const Mode of ['COMPLIANCE', 'GOVERNANCE'] as const)
        await expect(
          client.send(
            new PutObjectRetentionCommand({ Bucket, Key, VersionId, Retention: { Mode, RetainUntilDate: soon } }),
          ),
        ).rejects.toThrow();
    });

    it('takes no second version from our store, whatever the bytes', async () => {
      const { Bucket } = await locked();
      await storeOf(Bucket).put(Key, Buffer.from('one'));
      await expect(storeOf(Bucket).put(Key, Buffer.from('two'))).rejects.toThrow(
        expect.objectContaining({ name: 'WormConflict' }),
      );
      const { Versions } = await client.send(new ListObjectVersionsCommand({ Bucket, Prefix: Key }));
      expect(Versions).toHaveLength(1);
    });

    it('shows what others put past our store: a second version, and a mark of a deletion', async () => {
      const { Bucket } = await locked();
      expect(await storeOf(Bucket).versionsOf(Key)).toEqual({ versions: 1, markers: 0 });
      await client.send(new PutObjectCommand({ Bucket, Key, Body: 'two' }));
      await storeOf(Bucket).put(`${Key}b`, Buffer.from('one'));
      expect(await storeOf(Bucket).versionsOf(Key)).toEqual({ versions: 2, markers: 0 });
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      expect(await storeOf(Bucket).versionsOf(Key)).toEqual({ versions: 2, markers: 1 });
      expect(await storeOf(Bucket).get(Key)).toBeUndefined();
    });

    it('lets an audit of a log find both, by the name of the object', async () => {
      const Bucket = await freshBucket();
      const worm = storeOf(Bucket);
      const [noteSigner, origin] = [memoryNoteSigner(), 'ledger.example.com/acme'];
      const stores = { ledger: memoryLedgerStore(), audits: memoryAuditStore(), worm, clock: fixedClock() };
      const append: AuditDeps['append'] = (...asked) => appendEntries(stores, ...asked);
      const keyOf = async () => verifierKeyOf(origin, await noteSigner.publicKey());
      const names: string[] = [];
      for (const id of ['a', 'b', 'c']) await append(TENANT, [draftOf(id)]);
      await publishCheckpoint({ ...stores, noteSigner, originOf: () => origin }, TENANT);
      for await (const name of worm.list(`t/${TENANT}/seg/`)) names.push(name);
      const [first = '', second = ''] = names;
      const audited = async (name: string) => {
        const run = { tenant: TENANT, businessKey: sha256Hex(name), machine: 'audit', name };
        return (await auditLedger({ ...stores, append, keyOf }, run)).passed;
      };
      expect(await audited('before')).toBe(true);
      await client.send(new PutObjectCommand({ Bucket, Key: first, Body: (await worm.get(first)) ?? '' }));
      await client.send(new DeleteObjectCommand({ Bucket, Key: second }));
      expect(await audited('after')).toBe(false);
      const { size } = await stores.ledger.head(TENANT);
      const found = (await stores.ledger.entries(TENANT, 4, size)).map((bytes) => parseEntry(bytes).reasons);
      expect(found).toEqual([
        [{ code: 'ledger.object-versions', where: first }],
        [{ code: 'ledger.object-hidden', where: second }],
      ]);
    });

    it('refuses a conditional overwrite by anyone', async () => {
      const { Bucket } = await locked();
      const overwrite = new PutObjectCommand({ Bucket, Key, Body: 'two', IfNoneMatch: '*' });
      await expect(client.send(overwrite)).rejects.toThrow(expect.objectContaining({ name: 'PreconditionFailed' }));
    });
  });
});
