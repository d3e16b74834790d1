import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dynamoLedgerStore } from '../../adapters/aws/dynamo-ledger-store.ts';
import { s3WormStore } from '../../adapters/aws/s3-worm-store.ts';
import { formatVerifierKey, verifierKeyOf } from '../../core/tlog/note.ts';
import { TenantId } from '../../events/fields.ts';
import {
  checkLedger,
  growBase,
  type LedgerPorts,
  live,
  noteSigner,
  ORIGIN,
} from '../contracts/ledger-faults.contract.ts';
import { type FaultPlan, faultyCall, PORT_FAULTS, planOf, settleLate } from '../fakes/faulty.ts';
import { type Emulator, emulatorProgram, startEmulator } from './emulator.ts';
import { acceptedByFsck, exportLog, fsck } from './ledger-judges.ts';

const program = emulatorProgram();
/** Every request is tried where there is time for it; elsewhere some, and with each fault other ones. */
const STRIDE = Number(process.env.RELSEAL_KILLS ?? 20) >= 200 ? 1 : 12;
const TableName = 'ledger';
const Bucket = 'worm';
/** Of the logs that went through a fault, every so many is shown to a stranger too. */
const JUDGED = 5;

const BELOW_RETRIES = { step: 'finalizeRequest', priority: 'low' } as const;
const hungUp = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });

type Faults = (typeof PORT_FAULTS)[number];
interface Lane {
  readonly retries: string;
  readonly maxAttempts: number;
}
const LANES: readonly Lane[] = [
  { retries: 'no retries', maxAttempts: 1 },
  { retries: 'the retries', maxAttempts: 4 },
];

describe.skipIf(!program)('a ledger in DynamoDB and S3', () => {
  let emulator: Emulator;
  let folder = '';
  let logs = 0;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'relseal-ledger-faults-'));
    await writeFile(join(folder, 'vkey'), formatVerifierKey(verifierKeyOf(ORIGIN, await noteSigner.publicKey())));
    emulator = await startEmulator(program ?? '');
    await new DynamoDBClient(emulator.client).send(
      new CreateTableCommand({
        TableName,
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: ['pk', 'sk'].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
        KeySchema: [
          { AttributeName: 'pk', KeyType: 'HASH' },
          { AttributeName: 'sk', KeyType: 'RANGE' },
        ],
      }),
    );
    const s3 = new S3Client({ ...emulator.client, forcePathStyle: true });
    await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  });
  afterAll(async () => {
    await emulator?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Each request of the SDK counts, also those that it makes again by itself. */
  function portsOf({ maxAttempts }: Lane, plan?: FaultPlan): LedgerPorts {
    const config = { ...emulator.client, maxAttempts };
    const dynamo = new DynamoDBClient(config);
    const s3 = new S3Client({ ...config, forcePathStyle: true });
    if (plan) {
      dynamo.middlewareStack.add((next) => (sent) => faultyCall(plan, () => next(sent)), BELOW_RETRIES);
      s3.middlewareStack.add((next) => (sent) => faultyCall(plan, () => next(sent)), BELOW_RETRIES);
    }
    const retention = { mode: 'COMPLIANCE', days: 1 } as const;
    const worm = s3WormStore({ client: s3, bucketName: Bucket, retention, now: Date.now });
    return { ledger: dynamoLedgerStore({ client: dynamo, tableName: TableName, worm }), worm };
  }

  async function disturbed(lane: Lane, at: number, fault: Faults): Promise<number> {
    logs += 1;
    const tenant = TenantId.parse(`log-${logs}`);
    const next = () => portsOf(lane);
    await growBase(next(), tenant);
    const plan = planOf(at, fault, hungUp);
    try {
      const acknowledged = await live({ first: portsOf(lane, plan), plan, next }, tenant);
      await settleLate(plan);
      await checkLedger(next(), tenant, acknowledged);
      if (fsck && logs % JUDGED === 0) {
        const target = join(folder, tenant);
        await exportLog(next(), tenant, target);
        expect(await acceptedByFsck(`file://${target}/`, join(folder, 'vkey'))).toBe(true);
      }
    } catch (error) {
      throw new Error(`request ${at} ${fault.name}`, { cause: error });
    }
    return plan.calls;
  }

  describe.each(LANES)('with $retries of the SDK', (lane) => {
    it.each(PORT_FAULTS)('keeps every entry once whichever request $name', { timeout: 900_000 }, async (fault) => {
      const requests = await disturbed(lane, -1, fault);
      expect(requests).toBeGreaterThan(30);
      for (let at = PORT_FAULTS.indexOf(fault) % STRIDE; at < requests; at += STRIDE) await disturbed(lane, at, fault);
    });
  });
});
