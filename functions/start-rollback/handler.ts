import middy from '@middy/core';
import { dynamoClient, sfnClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { startRollbackTask } from '../../core/promotion/roll-back.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = {
  claims: dynamoClaimStore({ client: dynamoClient(), tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: { rollback: env.ROLLBACK_MACHINE_ARN } }),
  clock: lambdaClock,
};

export const handler = middy((payload: unknown) => runTask(startRollbackTask, deps, payload));
