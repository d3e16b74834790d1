import { randomBytes } from 'node:crypto';
import {
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
} from '@aws-sdk/client-dynamodb';
import { Fault } from '../../core/faults.ts';
import type { PersonStore } from '../../core/ports/person-store.ts';
import { Erasure } from '../../core/privacy/erasure.ts';
import type { TenantId } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, type Item, key, rowOf, writeAll } from './items.ts';

const personKey = (tenant: TenantId, person: string) => key(`PERSON#${tenant}#${person}`);
const erasureKey = (tenant: TenantId, person: string) => key(`ERASURE#${tenant}#${person}`);
const mentionKey = (tenant: TenantId, person: string, object: string) => key(`MENTION#${tenant}#${person}`, object);

/** People's keys and mentions in DynamoDB (see `items.ts`), in a table that is neither backed up nor streamed. */
export function dynamoPersonStore({ client, tableName }: { client: DynamoDBClient; tableName: string }): PersonStore {
  async function read(Key: Item): Promise<Item | undefined> {
    const { Item } = await client.send(new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }));
    return Item;
  }
  const knownKey = async (tenant: TenantId, person: string) => {
    const stored = (await read(personKey(tenant, person)))?.secret?.B;
    return stored && new Uint8Array(stored);
  };

  /** Puts a row that is not there yet; else leaves the one that is. */
  async function create(item: Item): Promise<void> {
    try {
      await client.send(
        new PutItemCommand({ TableName: tableName, Item: item, ConditionExpression: 'attribute_not_exists(pk)' }),
      );
    } catch (error) {
      if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
    }
  }

  const remove = (Key: Item) => client.send(new DeleteItemCommand({ TableName: tableName, Key }));

  return {
    keyOf: (tenant, person) =>
      storeCall('making the key of a person', async () => {
        const stored = await knownKey(tenant, person);
        if (stored) return stored;
        await create({ ...personKey(tenant, person), secret: { B: randomBytes(32) } });
        const made = await knownKey(tenant, person);
        if (!made) throw new Fault('StoreUnavailable', 'the key of a person was destroyed as it was made');
        return made;
      }),
    knownKey: (tenant, person) => storeCall('reading the key of a person', () => knownKey(tenant, person)),
    destroyKey: (tenant, person, secret) =>
      storeCall('destroying the key of a person', async () => {
        try {
          await client.send(
            new DeleteItemCommand({
              TableName: tableName,
              Key: personKey(tenant, person),
              ConditionExpression: 'secret = :secret',
              ExpressionAttributeValues: { ':secret': { B: secret } },
            }),
          );
        } catch (error) {
          if (!isNamed(error, 'ConditionalCheckFailedException')) throw error;
        }
      }),
    mention: (tenant, persons, object) =>
      storeCall('noting who is mentioned', () =>
        writeAll(
          (RequestItems) => client.send(new BatchWriteItemCommand({ RequestItems })),
          tableName,
          persons.map((person) => mentionKey(tenant, person, object)),
        ),
      ),
    async *mentions(tenant, person) {
      let from: Item | undefined;
      do {
        const page = await storeCall('listing mentions', () =>
          client.send(
            new QueryCommand({
              TableName: tableName,
              KeyConditionExpression: 'pk = :pk',
              ExpressionAttributeValues: { ':pk': { S: `MENTION#${tenant}#${person}` } },
              ConsistentRead: true,
              ...(from ? { ExclusiveStartKey: from } : {}),
            }),
          ),
        );
        for (const { sk } of page.Items ?? []) if (sk?.S !== undefined) yield sk.S;
        from = page.LastEvaluatedKey;
      } while (from);
    },
    unmention: (tenant, person, objects) =>
      storeCall('forgetting mentions', async () => {
        await Promise.all(objects.map((object) => remove(mentionKey(tenant, person, object))));
      }),
    erasure: (tenant, person) =>
      storeCall('reading an erasure', async () => {
        const item = await read(erasureKey(tenant, person));
        return item && rowOf(item, Erasure);
      }),
    beginErasure: (tenant, person, erasure) =>
      storeCall('beginning an erasure', async () => {
        const at = erasureKey(tenant, person);
        await create({ ...at, ...body(erasure) });
        const stored = await read(at);
        return stored ? rowOf(stored, Erasure) : erasure;
      }),
    endErasure: (tenant, person) =>
      storeCall('ending an erasure', async () => {
        await remove(erasureKey(tenant, person));
      }),
  };
}
