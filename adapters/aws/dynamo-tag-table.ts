import {
  type DynamoDBClient,
  GetItemCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { observeTag } from '../../core/ingest/tag-state.ts';
import type { TagObservation, TagState, TagTable } from '../../core/ports/tag-table.ts';
import { storeCall } from './errors.ts';
import { body, key, keyHash, number, rowOf } from './items.ts';

const TagRow = z.strictObject({ target: z.string().exactOptional(), generation: z.int().nonnegative() });
const StateRow = z.strictObject({
  change: z.enum(['created', 'moved', 'republished', 'deleted']),
  generation: z.int().nonnegative(),
  previous: z.string().exactOptional(),
});

const ATTEMPTS = 10;

/** The tag table in DynamoDB; the answer to each event is kept, so that a retry is answered as before. */
export function dynamoTagTable({ client, tableName }: { client: DynamoDBClient; tableName: string }): TagTable {
  const read = async (pk: string, sk?: string) =>
    (await client.send(new GetItemCommand({ TableName: tableName, Key: key(pk, sk), ConsistentRead: true }))).Item;

  /** One try; `undefined` when another observation of this tag came between. */
  async function attempt({ tenant, eventId, target, ...of }: TagObservation): Promise<TagState | undefined> {
    const pk = `TAG#${tenant}#${keyHash(of.kind, of.host, of.repository, of.tag)}`;
    const answered = await read(pk, eventId);
    if (answered) return rowOf(answered, StateRow);
    const item = await read(pk);
    const { state, next } = observeTag(item && rowOf(item, TagRow), target);
    const version = Number(item?.version?.N ?? 0);
    try {
      await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            {
              Put: {
                TableName: tableName,
                Item: { ...key(pk), version: number(version + 1), ...body(next) },
                ...(item
                  ? {
                      ConditionExpression: 'version = :version',
                      ExpressionAttributeValues: { ':version': number(version) },
                    }
                  : { ConditionExpression: 'attribute_not_exists(pk)' }),
              },
            },
            {
              Put: {
                TableName: tableName,
                Item: { ...key(pk, eventId), ...body(state) },
                ConditionExpression: 'attribute_not_exists(pk)',
              },
            },
          ],
        }),
      );
      return state;
    } catch (error) {
      if (error instanceof TransactionCanceledException) return undefined;
      throw error;
    }
  }

  return {
    observe: (observation) =>
      storeCall('observing a tag', async () => {
        for (let tries = 0; tries < ATTEMPTS; tries += 1) {
          const state = await attempt(observation);
          if (state) return state;
        }
        throw new Fault('StoreUnavailable', `tag ${observation.tag} changes faster than it can be observed`);
      }),
  };
}
