import middy from '@middy/core';
import * as z from 'zod';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { dynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { startOrRecordDead } from '../../core/runs/dead-event.ts';
import { CanonicalEvent } from '../../events/canonical.ts';
import { TenantId } from '../../events/fields.ts';
import { readEnvironment } from '../environment.ts';
import { releaseMachinesOf } from '../machines.ts';
import { eachMessage } from '../records.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

/** What the bus puts into the queue. */
const BusEvent = z.object({ detail: z.strictObject({ tenant: TenantId, event: CanonicalEvent }) });

const env = readEnvironment(Env);
const client = dynamoClient();
const deps = {
  ...appenderOf(s3Client(), client, env),
  deliveries: dynamoDeliveryStore({ client, tableName: env.DELIVERIES_TABLE_NAME }),
  claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns: releaseMachinesOf(env) }),
};

export const handler = middy((event: unknown) =>
  eachMessage(event, (body, tries) =>
    startOrRecordDead(deps, BusEvent.parse(body).detail, tries >= env.QUEUE_MAX_RECEIVES),
  ),
);
