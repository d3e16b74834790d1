import middy from '@middy/core';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { sweepAll } from '../../core/runs/sweep-all.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { releaseMachinesOf } from '../machines.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const { tenants } = readDeployment();
const machineArns = { ...releaseMachinesOf(env), checkpoint: env.CHECKPOINT_MACHINE_ARN };
const deps = {
  ...appenderOf(s3Client(), dynamo, env),
  claims: dynamoClaimStore({ client: dynamo, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns }),
};

export const handler = middy(() => sweepAll(deps, tenants));
