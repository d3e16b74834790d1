import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoLedgerStore } from '../../adapters/aws/dynamo-ledger-store.ts';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { publishCheckpoint } from '../../core/ledger/publish.ts';
import { rebuildLogs } from '../../core/ledger/rebuild.ts';
import { draftOf, TENANT } from '../contracts/ledger-drafts.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { type Emulator, emulatorProgram, startEmulator } from './emulator.ts';

const program = emulatorProgram();
const NAMES = ['a', 'b', 'c', 'd', 'e'];

describe.skipIf(!program)('the table of the ledger, lost on the emulator', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator(program ?? '');
  }, 60_000);
  afterAll(() => emulator?.stop());

  async function bucket() {
    const client = new S3Client({ ...emulator.client, forcePathStyle: true });
    const bucketName = 'segments';
    await client.send(new CreateBucketCommand({ Bucket: bucketName, ObjectLockEnabledForBucket: true }));
    return s3WormStore({ client, bucketName, retention: { mode: 'GOVERNANCE', days: 1 }, now: Date.now });
  }

  async function table(tableName: string, worm: ReturnType<typeof s3WormStore>) {
    const client = new DynamoDBClient(emulator.client);
    await client.send(
      new CreateTableCommand({
        TableName: tableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    return dynamoLedgerStore({ client, tableName, worm });
  }

  it('is made again from the segments in the locked bucket, and goes on from there', { timeout: 60_000 }, async () => {
    const worm = await bucket();
    const live = { ledger: await table('live', worm), worm, clock: fixedClock() };
    for (const name of NAMES) await appendEntries(live, TENANT, [draftOf(name), draftOf(`${name}-second`)]);
    const publish = (deps: typeof live) =>
      publishCheckpoint({ ...deps, noteSigner: memoryNoteSigner(), originOf: () => 'ledger.example.com/acme' }, TENANT);
    await publish(live);
    const lost = { ...live, ledger: await table('restored', worm) };
    expect(await rebuildLogs(lost, [TENANT], { isCheck: true })).toMatchObject([
      { size: 0, reasons: [{ code: 'ledger.behind' }] },
    ]);
    const [log] = await rebuildLogs(lost, [TENANT], { isCheck: false });
    expect(log).toEqual({ tenant: TENANT, size: 10, replayed: 10, erasures: [], reasons: [] });
    expect(await lost.ledger.head(TENANT)).toEqual(await live.ledger.head(TENANT));
    expect(await lost.ledger.entries(TENANT, 0, 10)).toEqual(await live.ledger.entries(TENANT, 0, 10));
    const again = await appendEntries(lost, TENANT, [draftOf('c'), draftOf('new')]);
    expect(again.entries.map(({ index, existed }) => [index, existed])).toEqual([
      [4, true],
      [10, false],
    ]);
    expect(await publish(lost)).toEqual({ size: 11 });
    expect(await rebuildLogs(lost, [TENANT], { isCheck: true })).toMatchObject([{ size: 11, reasons: [] }]);
    // The table that was given up knows what it lacks.
    expect((await rebuildLogs(live, [TENANT], { isCheck: true }))[0]?.reasons).toMatchObject([
      { code: 'ledger.behind' },
    ]);
  });
});
