import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoLedgerStore } from '../../adapters/aws/dynamo-ledger-store.ts';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { systemClock } from '../../adapters/embedded/system-clock.ts';
import type { LedgerPorts } from '../contracts/ledger-faults.contract.ts';
import { checkRace } from '../contracts/ledger-races.contract.ts';
import { writeRacing } from '../fakes/racing-writer.ts';
import { type Emulator, emulatorProgram, startEmulator } from './emulator.ts';

const program = emulatorProgram();
const WRITERS = 8;
/** A multiple of ten, or the repeats are not one in ten. */
const EACH = Number(process.env.RELSEAL_APPENDS ?? 10);

describe.skipIf(!program)('eight writers of one log in DynamoDB and S3', () => {
  let emulator: Emulator;
  beforeAll(async () => {
    emulator = await startEmulator(program ?? '');
    await new DynamoDBClient(emulator.client).send(
      new CreateTableCommand({
        TableName: 'ledger',
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    const s3 = new S3Client({ ...emulator.client, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket: 'worm', ObjectLockEnabledForBucket: true }));
  });
  afterAll(() => emulator?.stop());

  const portsOf = (): LedgerPorts => {
    const client = new S3Client({ ...emulator.client, forcePathStyle: true });
    const retention = { mode: 'COMPLIANCE', days: 1 } as const;
    const worm = s3WormStore({ client, bucketName: 'worm', retention, now: Date.now });
    const dynamo = new DynamoDBClient(emulator.client);
    return { ledger: dynamoLedgerStore({ client: dynamo, tableName: 'ledger', worm }), worm };
  };

  it('append each entry once, in the order of their commits, with one in ten repeated', {
    timeout: 900_000,
  }, async () => {
    const writers = Array.from({ length: WRITERS }, () => ({ ...portsOf(), clock: systemClock }));
    const answers = (await Promise.all(writers.map((deps, writer) => writeRacing(deps, writer, EACH)))).flat();
    expect(answers).toHaveLength(WRITERS * 3 * EACH);
    expect(answers.filter(({ existed }) => existed)).toHaveLength(answers.length / 10);
    await checkRace(portsOf(), answers);
  });
});
