import {
  BatchWriteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { Fault } from '../../core/faults.ts';
import { parseDeliveryRow } from '../../core/ingest/delivery-row.ts';
import type { DeliveryRow, DeliveryStore } from '../../core/ports/delivery-store.ts';
import type { TenantId } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, type Item, key, keyHash, LISTS_INDEX, number, onList, rowBy, sortable, writeAll } from './items.ts';

/** The list of due deliveries is written by every receipt; shards keep it below the rate of one partition. */
const SHARDS = 8;
const shardOf = (pk: string) => `DUE#${Number.parseInt(keyHash(pk).slice(0, 4), 16) % SHARDS}`;

const deliveryKey = (tenant: TenantId, name: string) => `DELIVERY#${tenant}#${keyHash(name)}`;

function deliveryItem(row: DeliveryRow): Item {
  const pk = deliveryKey(row.tenant, row.key);
  return {
    ...key(pk),
    ...(row.status === 'received' ? onList(shardOf(pk), `${sortable(row.dueAt)}#${row.deliveryId}`) : {}),
    status: { S: row.status },
    attempts: number(row.attempts),
    ...body(row),
  };
}

/** Accepted deliveries in DynamoDB (see `items.ts`). */
export function dynamoDeliveryStore({
  client,
  tableName,
}: {
  client: DynamoDBClient;
  tableName: string;
}): DeliveryStore {
  async function read(pk: string): Promise<Item | undefined> {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: key(pk), ConsistentRead: true }),
    );
    return Item;
  }
  async function rowAt(pk: string): Promise<DeliveryRow | undefined> {
    const item = await read(pk);
    return item && rowBy(item, parseDeliveryRow);
  }

  /** A delivery has up to 256 events, more than one transaction holds: pointers first, each checked when it is used. */
  const pointTo = (row: DeliveryRow) =>
    writeAll(
      (RequestItems) => client.send(new BatchWriteItemCommand({ RequestItems })),
      tableName,
      row.normalised.events.map(({ id }) => ({
        ...key(`EVENT#${row.tenant}#${id}`),
        delivery: { S: deliveryKey(row.tenant, row.key) },
      })),
    );

  return {
    claim: (row) =>
      storeCall('claiming a delivery', async () => {
        const before = await rowAt(deliveryKey(row.tenant, row.key));
        if (before) return { claimed: false, row: before };
        await pointTo(row);
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: deliveryItem(row),
              ConditionExpression: 'attribute_not_exists(pk)',
            }),
          );
          return { claimed: true };
        } catch (error) {
          const first = isNamed(error, 'ConditionalCheckFailedException')
            ? await rowAt(deliveryKey(row.tenant, row.key))
            : undefined;
          if (!first) throw error;
          return { claimed: false, row: first };
        }
      }),
    get: (tenant, name) => storeCall('reading a delivery', () => rowAt(deliveryKey(tenant, name))),
    byEvent: (tenant, eventId) =>
      storeCall('reading a delivery', async () => {
        const pointer = await read(`EVENT#${tenant}#${eventId}`);
        const row = pointer?.delivery?.S === undefined ? undefined : await rowAt(pointer.delivery.S);
        return row?.normalised.events.some(({ id }) => id === eventId) ? row : undefined;
      }),
    replace: (row, expected) =>
      storeCall('replacing a delivery', async () => {
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: deliveryItem(row),
              ConditionExpression: '#status = :status AND attempts = :attempts',
              ExpressionAttributeNames: { '#status': 'status' },
              ExpressionAttributeValues: { ':status': { S: expected.status }, ':attempts': number(expected.attempts) },
            }),
          );
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
          throw new Fault('LedgerConflict', `delivery ${row.key} has changed`, { cause: error });
        }
      }),
    due: (now, limit) =>
      storeCall('listing due deliveries', async () => {
        const shards = Array.from({ length: SHARDS }, (_, shard) =>
          client.send(
            new QueryCommand({
              TableName: tableName,
              IndexName: LISTS_INDEX,
              KeyConditionExpression: 'gpk = :gpk AND gsk < :end',
              ExpressionAttributeValues: { ':gpk': { S: `DUE#${shard}` }, ':end': { S: sortable(now + 1) } },
              Limit: limit,
            }),
          ),
        );
        const items = (await Promise.all(shards)).flatMap(({ Items = [] }) => Items);
        return items
          .map((item) => rowBy(item, parseDeliveryRow))
          .sort((a, b) => a.dueAt - b.dueAt || (a.deliveryId < b.deliveryId ? -1 : 1))
          .slice(0, limit);
      }),
  };
}
