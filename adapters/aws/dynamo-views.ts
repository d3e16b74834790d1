import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import type { ViewField, Views } from '../../core/ports/views.ts';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, key, keyHash, number, rowOf, sortable, writeAll } from './items.ts';

const TermRow = z.strictObject({ index: z.int().nonnegative(), leaf: Sha256Hex });

const termKey = (tenant: TenantId, field: ViewField, value: string) => `VIEW#${tenant}#${field}#${keyHash(value)}`;

/** Search rows in DynamoDB: one per entry and term. They can be deleted and projected again at any time. */
export function dynamoViews({ client, tableName }: { client: DynamoDBClient; tableName: string }): Views {
  const markKey = (tenant: TenantId) => key(`VIEWMARK#${tenant}`);
  return {
    put: (tenant, rows, upTo) =>
      storeCall('projecting', async () => {
        // Rows before the watermark: after a crash the same rows are put again.
        await writeAll(
          (RequestItems) => client.send(new BatchWriteItemCommand({ RequestItems })),
          tableName,
          rows.flatMap(({ index, leaf, terms }) =>
            terms.map(({ field, value }) => ({
              ...key(termKey(tenant, field, value), sortable(index)),
              ...body({ index, leaf }),
            })),
          ),
        );
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: { ...markKey(tenant), upTo: number(upTo) },
              ConditionExpression: 'attribute_not_exists(pk) OR upTo < :upTo',
              ExpressionAttributeValues: { ':upTo': number(upTo) },
            }),
          );
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error; // another projector was further
        }
      }),
    watermark: (tenant) =>
      storeCall('reading the watermark', async () => {
        const { Item } = await client.send(
          new GetItemCommand({ TableName: tableName, Key: markKey(tenant), ConsistentRead: true }),
        );
        return Number(Item?.upTo?.N ?? 0);
      }),
    find: (tenant, field, value, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      storeCall('searching', async () => {
        const { Items = [] } = await client.send(
          new QueryCommand({
            TableName: tableName,
            KeyConditionExpression: 'pk = :pk AND sk < :before',
            ExpressionAttributeValues: {
              ':pk': { S: termKey(tenant, field, value) },
              ':before': { S: sortable(before) },
            },
            ScanIndexForward: false,
            Limit: limit,
            ConsistentRead: true,
          }),
        );
        return Items.map((item) => rowOf(item, TermRow));
      }),
  };
}
