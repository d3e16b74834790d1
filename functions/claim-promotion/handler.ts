import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoTargetLocks } from '../../adapters/aws/dynamo-target-locks.ts';
import { claimPromotion } from '../../core/promotion/claim-promotion.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { deployedEnvironments } from '../environments.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const client = dynamoClient();
const deps = {
  worm: wormOf(s3Client(), env),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  locks: dynamoTargetLocks({ client, tableName: env.WAITS_TABLE_NAME }),
  environments: deployedEnvironments(readDeployment()),
};

export const handler = middy((payload: unknown) => runTask(claimPromotion, deps, payload));
