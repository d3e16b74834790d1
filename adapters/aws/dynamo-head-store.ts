import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { HeadStore } from '../../core/ports/head-store.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, key, keyHash, number, rowOf } from './items.ts';

const KeptHeadRow = z.strictObject({
  size: z.int().nonnegative(),
  note: z.string(),
  seenAt: z.string().optional(),
});

/** Newest verified heads of foreign logs; a head never goes back. */
export function dynamoHeadStore({ client, tableName }: { client: DynamoDBClient; tableName: string }): HeadStore {
  const at = (log: string) => key(`FOREIGN#${keyHash(log)}`);
  return {
    load: (log) =>
      storeCall('reading a head', async () => {
        const { Item } = await client.send(
          new GetItemCommand({ TableName: tableName, Key: at(log), ConsistentRead: true }),
        );
        return Item && rowOf(Item, KeptHeadRow);
      }),
    save: (log, head) =>
      storeCall('saving a head', async () => {
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: {
                ...at(log),
                size: number(head.size),
                ...(head.seenAt === undefined ? {} : { seenAt: { S: head.seenAt } }),
                ...body(head),
              },
              ConditionExpression:
                'attribute_not_exists(pk) OR #size < :size OR (#size = :size AND attribute_not_exists(seenAt))',
              ExpressionAttributeNames: { '#size': 'size' },
              ExpressionAttributeValues: { ':size': number(head.size) },
            }),
          );
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
        }
      }),
  };
}
