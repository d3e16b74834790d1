import middy from '@middy/core';
import { dynamoClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { claimRelease } from '../../core/runs/claim-release.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = { claims: dynamoClaimStore({ client: dynamoClient(), tableName: env.CLAIMS_TABLE_NAME }) };

export const handler = middy((payload: unknown) => runTask(claimRelease, deps, payload));
