import middy from '@middy/core';
import { dynamoClient, eventBridgeClient, s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { dynamoDeliveryStore } from '../../adapters/aws/dynamo-delivery-store.ts';
import { dynamoTagTable } from '../../adapters/aws/dynamo-tag-table.ts';
import { eventbridgeBus } from '../../adapters/aws/eventbridge-bus.ts';
import { lambdaIds } from '../../adapters/aws/ids.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { parseDeliveryRow } from '../../core/ingest/delivery-row.ts';
import { dispatchDue, publishDelivery } from '../../core/ingest/publish.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { eachRow, hasRecords } from '../records.ts';
import { registries, sourceHosts } from '../repositories.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const deployment = readDeployment();
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const deps = {
  ...appenderOf(s3Client(), dynamo, env),
  deliveries: dynamoDeliveryStore({ client: dynamo, tableName: env.DELIVERIES_TABLE_NAME }),
  tags: dynamoTagTable({ client: dynamo, tableName: env.TAGS_TABLE_NAME }),
  bus: eventbridgeBus({ client: eventBridgeClient(), busName: env.EVENT_BUS_NAME }),
  sourceHosts: sourceHosts(deployment, secrets),
  registries: registries(deployment, secrets),
  ids: lambdaIds,
};

export const handler = middy(
  (event: unknown): Promise<unknown> =>
    hasRecords(event) ? eachRow(event, ({ body }) => publishDelivery(deps, parseDeliveryRow(body))) : dispatchDue(deps),
);
