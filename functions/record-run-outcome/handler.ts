import middy from '@middy/core';
import * as z from 'zod';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { recordRunEnd } from '../../core/runs/record-run-end.ts';
import { readEnvironment } from '../environment.ts';
import { releaseMachinesOf } from '../machines.ts';
import { eachMessage } from '../records.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

/** `Step Functions Execution Status Change`: which run it is about; how it ended is asked of Step Functions itself. */
const StatusEvent = z.object({
  detail: z.object({ name: z.string(), redriveCount: z.int().nonnegative().nullish() }),
});

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const deps = {
  ...appenderOf(s3Client(), dynamo, env),
  claims: dynamoClaimStore({ client: dynamo, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: releaseMachinesOf(env) }),
};

export const handler = middy((event: unknown) =>
  eachMessage(event, (body) => {
    const { name, redriveCount } = StatusEvent.parse(body).detail;
    return recordRunEnd(deps, name, redriveCount ?? 0);
  }),
);
