import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoWaitStore } from '../../adapters/aws/dynamo-wait-store.ts';
import { openStageTask } from '../../core/promotion/open-stage.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const client = dynamoClient();
const deps = {
  ...ledgerOf(s3Client(), client, env),
  waits: dynamoWaitStore({ client, tableName: env.WAITS_TABLE_NAME }),
};

export const handler = middy((payload: unknown) => runTask(openStageTask, deps, payload));
