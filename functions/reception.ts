import type * as z from 'zod';
import { dynamoClient, s3Client, secretsManagerClient } from '../adapters/aws/client.ts';
import { lambdaClock } from '../adapters/aws/clock.ts';
import { dynamoDeliveryStore } from '../adapters/aws/dynamo-delivery-store.ts';
import { dynamoPersonStore } from '../adapters/aws/dynamo-person-store.ts';
import { lambdaIds } from '../adapters/aws/ids.ts';
import { secretsManagerSecrets } from '../adapters/aws/secrets-manager-secrets.ts';
import type { ReceiveDeps } from '../core/ingest/receive.ts';
import { readDeployment } from './deployment.ts';
import { ERASABLE, name } from './environment.ts';
import { erasableOf } from './stores.ts';

/** Variables of the two functions that receive. */
export const RECEPTION = {
  DELIVERIES_TABLE_NAME: name,
  ...ERASABLE,
};

/** One line per answer in CloudWatch's embedded metric format: counted by code, nothing of the request in it. */
const countAnswer: ReceiveDeps['answered'] = ({ provider, status, code }) =>
  console.log(
    JSON.stringify({
      _aws: {
        Timestamp: lambdaClock.now(),
        CloudWatchMetrics: [{ Namespace: 'Relseal', Dimensions: [['code']], Metrics: [{ Name: 'Deliveries' }] }],
      },
      Deliveries: 1,
      code,
      provider,
      status,
    }),
  );

export function receptionDeps(env: z.infer<z.ZodObject<typeof RECEPTION>>): ReceiveDeps {
  const dynamo = dynamoClient();
  return {
    tenants: readDeployment().config.tenants,
    secrets: secretsManagerSecrets(secretsManagerClient(), lambdaClock.now),
    raw: erasableOf(s3Client(), dynamo, env),
    persons: dynamoPersonStore({ client: dynamo, tableName: env.PERSONS_TABLE_NAME }),
    deliveries: dynamoDeliveryStore({ client: dynamo, tableName: env.DELIVERIES_TABLE_NAME }),
    clock: lambdaClock,
    ids: lambdaIds,
    answered: countAnswer,
  };
}
