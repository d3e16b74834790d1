import middy from '@middy/core';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { tenantOfHead } from '../../adapters/aws/dynamo-ledger-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { startCheckpoint } from '../../core/runs/start-checkpoint.ts';
import { readEnvironment } from '../environment.ts';
import { eachRow } from '../records.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = {
  ...ledgerOf(s3Client(), dynamoClient(), env),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: { checkpoint: env.CHECKPOINT_MACHINE_ARN } }),
};

export const handler = middy((event: unknown) => eachRow(event, ({ pk }) => startCheckpoint(deps, tenantOfHead(pk))));
