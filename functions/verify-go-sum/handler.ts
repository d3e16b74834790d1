import middy from '@middy/core';
import { dynamoClient, s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoHeadStore } from '../../adapters/aws/dynamo-head-store.ts';
import { dynamoModuleLog } from '../../adapters/aws/dynamo-module-log.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { verifyGoSum } from '../../core/gosum/task.ts';
import { type ModuleHashes, pinModule } from '../../core/modulelog/pin.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { tenantOfPayload } from '../payload.ts';
import { moduleDeps } from '../repositories.ts';
import { cachesOf, wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const s3 = s3Client();
const worm = wormOf(s3, env);
const table = { client: dynamoClient(), tableName: env.HEADS_TABLE_NAME };
const heads = dynamoHeadStore(table);
const log = { store: dynamoModuleLog(table), clock: lambdaClock };
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const modulesOf = moduleDeps(readDeployment(), heads, secrets, cachesOf(s3, env));

export const handler = middy((payload: unknown) => {
  const tenant = tenantOfPayload(payload);
  const pin = (hashes: ModuleHashes) => pinModule(log, tenant, hashes, 'tofu');
  return runTask(verifyGoSum, { worm, ...modulesOf(tenant), pin }, payload);
});
