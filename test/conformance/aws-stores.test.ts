import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateEventBusCommand, EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { CreateKeyCommand, type KeySpec, KMSClient } from '@aws-sdk/client-kms';
import { CreateBucketCommand, DeleteObjectCommand, ListObjectVersionsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoAuditStore } from '../../adapters/aws/dynamo-audit-store.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { dynamoHeadStore } from '../../adapters/aws/dynamo-head-store.ts';
import { dynamoLedgerStore } from '../../adapters/aws/dynamo-ledger-store.ts';
import { dynamoModuleLog } from '../../adapters/aws/dynamo-module-log.ts';
import { dynamoPersonStore } from '../../adapters/aws/dynamo-person-store.ts';
import { dynamoTagTable } from '../../adapters/aws/dynamo-tag-table.ts';
import { dynamoTargetLocks } from '../../adapters/aws/dynamo-target-locks.ts';
import { dynamoViews } from '../../adapters/aws/dynamo-views.ts';
import { dynamoWaitStore } from '../../adapters/aws/dynamo-wait-store.ts';
import { eventbridgeBus } from '../../adapters/aws/eventbridge-bus.ts';
import { kmsNoteSigner } from '../../adapters/aws/kms-note-signer.ts';
import { kmsSigner } from '../../adapters/aws/kms-signer.ts';
import { s3ErasableStore } from '../../adapters/aws/s3-erasable-store.ts';
import { s3TileCache } from '../../adapters/aws/s3-tile-cache.ts';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { segmentOf } from '../../core/ledger/segment.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { WaitRow } from '../../core/ports/wait-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { auditStoreContract } from '../contracts/audit-store.contract.ts';
import { claimStoreContract } from '../contracts/claim-store.contract.ts';
import { deliveryStoreContract } from '../contracts/delivery-store.contract.ts';
import { describeErasableStore } from '../contracts/erasable-store.contract.ts';
import { eventBusContract } from '../contracts/event-bus.contract.ts';
import { headStoreContract } from '../contracts/head-store.contract.ts';
import { describeLedgerStore } from '../contracts/ledger-store.contract.ts';
import { moduleLogContract } from '../contracts/module-log.contract.ts';
import { personStoreContract } from '../contracts/person-store.contract.ts';
import { describeNoteSigner, describeSigner } from '../contracts/signers.contract.ts';
import { tagTableContract } from '../contracts/tag-table.contract.ts';
import { targetLocksContract } from '../contracts/target-locks.contract.ts';
import { tileCacheContract } from '../contracts/tile-cache.contract.ts';
import { viewsContract } from '../contracts/views.contract.ts';
import { waitStoreContract } from '../contracts/wait-store.contract.ts';
import { describeWormStore } from '../contracts/worm-store.contract.ts';
import { memoryWormStore } from '../fakes/memory-worm-store.ts';
import { type Emulator, emulatorProgram, startEmulator } from './emulator.ts';

const program = emulatorProgram();

const waitOf = (ordinal: number, state: unknown = {}): WaitRow => ({
  tenant: TenantId.parse('acme'),
  businessKey: Sha256Hex.parse('a'.repeat(64)),
  kind: 'stage',
  ordinal,
  machine: 'promotion',
  runName: 'promotion-a',
  token: 'token',
  version: 0,
  open: true,
  state,
});

/** The very suites that the memory and the embedded adapters pass, each store with a table or bucket of its own. */
describe.skipIf(!program)('the AWS adapters on the emulator', () => {
  let emulator: Emulator;
  let made = 0;
  beforeAll(async () => {
    emulator = await startEmulator(program ?? '');
  }, 60_000);
  afterAll(() => emulator?.stop());

  const dynamo = () => new DynamoDBClient(emulator.client);
  const s3 = () => new S3Client({ ...emulator.client, forcePathStyle: true });

  async function table() {
    made += 1;
    const client = dynamo();
    const tableName = `table-${made}`;
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk', 'gpk', 'gsk'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
        GlobalSecondaryIndexes: [
          {
            IndexName: 'lists',
            KeySchema: [
              { AttributeName: 'gpk', KeyType: 'HASH' },
              { AttributeName: 'gsk', KeyType: 'RANGE' },
            ],
            Projection: { ProjectionType: 'ALL' },
          },
        ],
      }),
    );
    return { client, tableName };
  }

  async function keyTable(): Promise<string> {
    made += 1;
    const keyTableName = `keys-${made}`;
    await dynamo().send(
      new CreateTableCommand({
        TableName: keyTableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [{ AttributeName: 'name', AttributeType: 'S' }],
        KeySchema: [{ AttributeName: 'name', KeyType: 'HASH' }],
      }),
    );
    return keyTableName;
  }

  async function bucket(ObjectLockEnabledForBucket: boolean): Promise<string> {
    made += 1;
    const Bucket = `bucket-${made}`;
    await s3().send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket }));
    return Bucket;
  }

  async function key(KeySpec: KeySpec) {
    const client = new KMSClient(emulator.client);
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' }));
    return { client, keyId: KeyMetadata?.Arn ?? '' };
  }

  const lockedStore = async () => {
    const bucketName = await bucket(true);
    const retention = { mode: 'COMPLIANCE', days: 1 } as const;
    return { bucketName, store: s3WormStore({ client: s3(), bucketName, retention, now: Date.now }) };
  };

  /** A commit names a segment that already holds its entries; a large batch is read back from there. */
  const ledgerStore = async (): Promise<LedgerStore> => {
    const worm = memoryWormStore();
    const store = dynamoLedgerStore({ ...(await table()), worm });
    return {
      ...store,
      commit: async (tenant, batch, next, expected) => {
        const { name, bytes } = segmentOf(tenant, expected, batch.entries, batch.keys);
        await worm.put(name, bytes);
        return store.commit(tenant, batch, next, expected);
      },
    };
  };

  describeLedgerStore('DynamoDB', ledgerStore);
  describeWormStore('S3', async () => (await lockedStore()).store);
  describeErasableStore('S3', async () =>
    s3ErasableStore({
      s3: s3(),
      bucketName: await bucket(false),
      dynamo: dynamo(),
      keyTableName: await keyTable(),
    }),
  );
  describeSigner('KMS', async () => kmsSigner(await key('ECC_NIST_P256')));
  describeNoteSigner('KMS', async () => kmsNoteSigner(await key('ECC_NIST_EDWARDS25519')));
  describe('the delivery store in DynamoDB', () =>
    deliveryStoreContract(async () => dynamoDeliveryStore(await table())));
  describe('the claim store in DynamoDB', () => claimStoreContract(async () => dynamoClaimStore(await table())));
  describe('the audit store in DynamoDB', () => auditStoreContract(async () => dynamoAuditStore(await table())));
  describe('the person store in DynamoDB', () => personStoreContract(async () => dynamoPersonStore(await table())));
  describe('the tag table in DynamoDB', () => tagTableContract(async () => dynamoTagTable(await table())));
  describe('the wait store in DynamoDB', () => waitStoreContract(async () => dynamoWaitStore(await table())));
  describe('the target locks in DynamoDB', () => targetLocksContract(async () => dynamoTargetLocks(await table())));
  describe('the views in DynamoDB', () => viewsContract(async () => dynamoViews(await table())));
  describe('foreign heads in DynamoDB', () => headStoreContract(async () => dynamoHeadStore(await table())));
  describe('module logs in DynamoDB', () => moduleLogContract(async () => dynamoModuleLog(await table())));
  describe('the tile cache in S3', () =>
    tileCacheContract(async () => s3TileCache({ client: s3(), bucketName: await bucket(false), prefix: 'sumdb/' })));
  describe('the bus on EventBridge', () =>
    eventBusContract(async () => {
      made += 1;
      const client = new EventBridgeClient(emulator.client);
      await client.send(new CreateEventBusCommand({ Name: `bus-${made}` }));
      return eventbridgeBus({ client, busName: `bus-${made}` });
    }));

  it('lists all open waits, also when they are more than one answer of the table holds', async () => {
    const store = dynamoWaitStore(await table());
    const rows = Array.from({ length: 5 }, (_, ordinal) => waitOf(ordinal, 'x'.repeat(350_000)));
    for (const row of rows) await store.open(row);
    expect(await store.listOpen(waitOf(0).tenant, 'stage', 9)).toEqual(rows);
    expect(await store.listOpen(waitOf(0).tenant, 'stage', 4)).toEqual(rows.slice(0, 4));
  });

  it('keeps a wait and its place on the list together when no answer comes', async () => {
    const { client, tableName } = await table();
    const losing = dynamo();
    losing.middlewareStack.add(
      (next) => async (call) => {
        await next(call);
        throw new Error('the answer is lost');
      },
      { step: 'initialize' },
    );
    const [store, cut] = [dynamoWaitStore({ client, tableName }), dynamoWaitStore({ client: losing, tableName })];
    const opened = waitOf(1);
    const closed = { ...opened, version: 1, open: false };
    const kept = async () => [await store.get(opened), await store.listOpen(opened.tenant, 'stage', 9)];
    await expect(cut.open(opened)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(await kept()).toEqual([opened, [opened]]);
    await expect(cut.replace(closed)).rejects.toMatchObject({ name: 'StoreUnavailable' });
    expect(await kept()).toEqual([closed, []]);
  });

  it('locks every version it writes, so that not even the account owner deletes it', async () => {
    const { bucketName: Bucket, store } = await lockedStore();
    await store.put('t/acme/evidence/a', Buffer.from('kept'));
    const { Versions = [] } = await s3().send(new ListObjectVersionsCommand({ Bucket }));
    expect(Versions).toHaveLength(1);
    const deletion = s3().send(
      new DeleteObjectCommand({
        Bucket,
        Key: 't/acme/evidence/a',
        VersionId: Versions[0]?.VersionId,
        BypassGovernanceRetention: true,
      }),
    );
    await expect(deletion).rejects.toMatchObject({ name: 'AccessDenied' });
    expect(await store.get('t/acme/evidence/a')).toEqual(new TextEncoder().encode('kept'));
  });
});
