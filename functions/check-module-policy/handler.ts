import middy from '@middy/core';
import { dynamoClient, s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoHeadStore } from '../../adapters/aws/dynamo-head-store.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { checkModulePolicy } from '../../core/modpolicy/task.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { tenantOfPayload } from '../payload.ts';
import { moduleDeps, reviewsOf } from '../repositories.ts';
import { cachesOf, ledgerOf } from '../stores.ts';
import { freshViews } from '../views.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const [s3, dynamo] = [s3Client(), dynamoClient()];
const deployment = readDeployment();
const stores = ledgerOf(s3, dynamo, env);
const deps = {
  ...stores,
  views: freshViews(dynamo, env.VIEWS_TABLE_NAME, stores.ledger),
  policies: deployment.policies,
};
const heads = dynamoHeadStore({ client: dynamo, tableName: env.HEADS_TABLE_NAME });
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const modulesOf = moduleDeps(deployment, heads, secrets, cachesOf(s3, env));
const reviews = reviewsOf(deployment, secrets);

export const handler = middy((payload: unknown) => {
  const tenant = tenantOfPayload(payload);
  return runTask(checkModulePolicy, { ...deps, ...modulesOf(tenant), reviews: reviews(tenant) }, payload);
});
