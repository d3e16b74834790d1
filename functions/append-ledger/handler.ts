import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { appendLedger } from '../../core/ledger/task.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const deps = {
  ...ledgerOf(s3Client(), dynamo, env),
  claims: dynamoClaimStore({ client: dynamo, tableName: env.CLAIMS_TABLE_NAME }),
};

export const handler = middy((payload: unknown) => runTask(appendLedger, deps, payload));
