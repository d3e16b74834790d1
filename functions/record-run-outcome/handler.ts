import middy from '@middy/core';
import * as z from 'zod';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import type { ClaimRow } from '../../core/ports/claim-store.ts';
import { compensateRun } from '../../core/promotion/start-rollback.ts';
import { recordRunEnd } from '../../core/runs/record-run-end.ts';
import { readEnvironment } from '../environment.ts';
import { promotionMachinesOf, releaseMachinesOf } from '../machines.ts';
import { eachMessage } from '../records.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

/** `Step Functions Execution Status Change`: which run it is about; how it ended is asked of Step Functions itself. */
const StatusEvent = z.object({ detail: z.object({ name: z.string() }) });

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const stores = {
  ...appenderOf(s3Client(), dynamo, env),
  claims: dynamoClaimStore({ client: dynamo, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({
    client: sfnClient(),
    machineArns: { ...releaseMachinesOf(env), ...promotionMachinesOf(env) },
  }),
};
const deps = { ...stores, compensate: (failed: ClaimRow) => compensateRun(stores, failed) };

export const handler = middy((event: unknown) =>
  eachMessage(event, (body) => recordRunEnd(deps, StatusEvent.parse(body).detail.name)),
);
