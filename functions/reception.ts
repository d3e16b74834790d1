import type * as z from 'zod';
import { dynamoClient, s3Client, secretsManagerClient } from '../adapters/aws/client.ts';
import { lambdaClock } from '../adapters/aws/clock.ts';
import { dynamoDeliveryStore } from '../adapters/aws/dynamo-delivery-store.ts';
import { lambdaIds } from '../adapters/aws/ids.ts';
import { s3ErasableStore } from '../adapters/aws/s3-erasable-store.ts';
import { secretsManagerSecrets } from '../adapters/aws/secrets-manager-secrets.ts';
import type { ReceiveDeps } from '../core/ingest/receive.ts';
import { readDeployment } from './deployment.ts';
import { name } from './environment.ts';

/** Variables of the two functions that receive. */
export const RECEPTION = {
  DELIVERIES_TABLE_NAME: name,
  ERASABLE_BUCKET_NAME: name,
  ERASABLE_KEYS_TABLE_NAME: name,
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
    raw: s3ErasableStore({
      s3: s3Client(),
      bucketName: env.ERASABLE_BUCKET_NAME,
      dynamo,
      keyTableName: env.ERASABLE_KEYS_TABLE_NAME,
    }),
    deliveries: dynamoDeliveryStore({ client: dynamo, tableName: env.DELIVERIES_TABLE_NAME }),
    clock: lambdaClock,
    ids: lambdaIds,
    answered: countAnswer,
  };
}
