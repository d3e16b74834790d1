import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoHeadStore } from '../../adapters/aws/dynamo-head-store.ts';
import { verifyGoSum } from '../../core/gosum/task.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { tenantOfPayload } from '../payload.ts';
import { moduleDeps } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const worm = wormOf(s3Client(), env);
const heads = dynamoHeadStore({ client: dynamoClient(), tableName: env.HEADS_TABLE_NAME });
const modulesOf = moduleDeps(readDeployment(), heads);

export const handler = middy((payload: unknown) =>
  runTask(verifyGoSum, { worm, ...modulesOf(tenantOfPayload(payload)) }, payload),
);
