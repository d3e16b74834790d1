import middy from '@middy/core';
import * as z from 'zod';
import { dynamoClient, sfnClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { startWorkflow } from '../../core/runs/start.ts';
import { CanonicalEvent } from '../../events/canonical.ts';
import { TenantId } from '../../events/fields.ts';
import { readEnvironment } from '../environment.ts';
import { releaseMachinesOf } from '../machines.ts';
import { eachMessage } from '../records.ts';
import { Env } from './env.ts';

/** What the bus puts into the queue. */
const BusEvent = z.object({ detail: z.strictObject({ tenant: TenantId, event: CanonicalEvent }) });

const env = readEnvironment(Env);
const client = dynamoClient();
const deps = {
  deliveries: dynamoDeliveryStore({ client, tableName: env.DELIVERIES_TABLE_NAME }),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: releaseMachinesOf(env) }),
  clock: lambdaClock,
};

export const handler = middy((event: unknown) =>
  eachMessage(event, (body) => startWorkflow(deps, BusEvent.parse(body).detail)),
);
