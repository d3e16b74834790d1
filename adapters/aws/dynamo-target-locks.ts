import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { TargetLocks } from '../../core/ports/target-locks.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, key, keyHash, rowOf } from './items.ts';

const StoredLock = z.strictObject({ target: z.string(), holder: Sha256Hex });

/** Target locks in DynamoDB (see `items.ts`). */
export function dynamoTargetLocks({ client, tableName }: { client: DynamoDBClient; tableName: string }): TargetLocks {
  const at = (tenant: string, target: string) => key(`LOCK#${tenant}#${keyHash(target)}`);
  return {
    acquire: (tenant, target, holder) =>
      storeCall('locking a target', async () => {
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: { ...at(tenant, target), holder: { S: holder }, ...body({ target, holder }) },
              ConditionExpression: 'attribute_not_exists(pk)',
              // Who holds it as the condition is judged: read afterwards, the lock might be free again.
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            }),
          );
          return holder;
        } catch (error) {
          if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
          return rowOf(error.Item, StoredLock).holder;
        }
      }),
    release: (tenant, target, holder) =>
      storeCall('freeing a target', async () => {
        try {
          await client.send(
            new DeleteItemCommand({
              TableName: tableName,
              Key: at(tenant, target),
              ConditionExpression: 'holder = :holder',
              ExpressionAttributeValues: { ':holder': { S: holder } },
            }),
          );
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
        }
      }),
  };
}
