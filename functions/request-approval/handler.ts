import middy from '@middy/core';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoWaitStore } from '../../adapters/aws/dynamo-wait-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { requestApproval } from '../../core/promotion/approval.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const client = dynamoClient();
const deps = {
  ...ledgerOf(s3Client(), client, env),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  waits: dynamoWaitStore({ client, tableName: env.WAITS_TABLE_NAME }),
  // It answers tokens alone, which name no machine.
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: {} }),
};

export const handler = middy((payload: unknown) => runTask(requestApproval, deps, payload));
