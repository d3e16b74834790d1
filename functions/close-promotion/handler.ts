import middy from '@middy/core';
import { dynamoClient, s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoTargetLocks } from '../../adapters/aws/dynamo-target-locks.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { closePromotion } from '../../core/promotion/close-promotion.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { deployedEnvironments } from '../environments.ts';
import { appenderOf } from '../stores.ts';
import { deployedTargets } from '../targets.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const client = dynamoClient();
const deployment = readDeployment();
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const deps = {
  ...appenderOf(s3Client(), client, env),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  locks: dynamoTargetLocks({ client, tableName: env.WAITS_TABLE_NAME }),
  targets: deployedTargets(deployment.config, deployedEnvironments(deployment), secrets),
};

export const handler = middy((payload: unknown) => runTask(closePromotion, deps, payload));
