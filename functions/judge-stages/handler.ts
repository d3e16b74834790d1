import middy from '@middy/core';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoWaitStore } from '../../adapters/aws/dynamo-wait-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { judgeStages } from '../../core/promotion/judge-stages.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { deployedEnvironments } from '../environments.ts';
import { deployedMetrics } from '../metrics.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const client = dynamoClient();
const deployment = readDeployment();
const deps = {
  ...appenderOf(s3Client(), client, env),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  waits: dynamoWaitStore({ client, tableName: env.WAITS_TABLE_NAME }),
  // It answers tokens alone, which name no machine.
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: {} }),
  metricsOf: deployedMetrics(deployment.config, deployedEnvironments(deployment)),
};

export const handler = middy(() => judgeStages(deps, deployment.tenants));
