import {
  BatchGetItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { sha256Hex } from '../../core/evidence.ts';
import { Fault } from '../../core/faults.ts';
import { shownSize, WitnessState } from '../../core/ledger/published.ts';
import { EMPTY_HEAD } from '../../core/ledger/segment.ts';
import type { BatchRow, LedgerBatch, LedgerHead, LedgerStore } from '../../core/ports/ledger-store.ts';
import type { WormStore } from '../../core/ports/worm-store.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, type Item, key, keyHash, number, rowOf, sortable } from './items.ts';

const HashOrNone = z.union([Sha256Hex, z.literal('')]);
const HeadRow = z.strictObject({
  size: z.int().nonnegative(),
  root: Sha256Hex,
  edge: z.array(Sha256Hex),
  batchHash: HashOrNone,
});
const KeyRow = z.strictObject({
  key: Sha256Hex,
  index: z.int().nonnegative(),
  leaf: Sha256Hex,
  requestHash: Sha256Hex,
});
const StoredBatch = z.object({
  firstIndex: z.coerce.number().int().nonnegative(),
  segment: z.string(),
  previousBatchHash: HashOrNone,
  batchHash: Sha256Hex,
});
const ReleaseRow = z.strictObject({ release: z.string(), index: z.int().nonnegative(), leaf: Sha256Hex });
const SegmentEntries = z.object({ entries: z.array(z.base64()) });
const SignedRow = z.strictObject({ size: z.int().nonnegative(), root: Sha256Hex, note: z.string() });
const PublishedRow = SignedRow.extend({
  anchored: z.strictObject({ size: z.int().nonnegative(), at: z.int() }).optional(),
  rebuilt: z.int().nonnegative().optional(),
  witnesses: z.record(z.string(), WitnessState).optional(),
  served: SignedRow.optional(),
});

/** Entries above this stay in their segment only: an item is at most 400 KB, attribute names and the rest included. */
const INLINE_BYTES = 300_000;

/** With the head and the batch 100 actions, the most of one transaction. */
const BATCH_WEIGHT = 98;

/** Whose head a row of the table's stream is. */
export const tenantOfHead = (pk: string): TenantId => TenantId.parse(pk.slice('HEAD#'.length));

export interface DynamoLedgerConfig {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  /** Where segments are kept: the entries of a batch too large for an item are read from its segment. */
  readonly worm: Pick<WormStore, 'get'>;
}

/** The log in DynamoDB: one TransactWriteItems a commit, conditional on the head and on every key (see `items.ts`). */
export function dynamoLedgerStore({ client, tableName, worm }: DynamoLedgerConfig): LedgerStore {
  const get = async (pk: string): Promise<Item | undefined> =>
    (await client.send(new GetItemCommand({ TableName: tableName, Key: key(pk), ConsistentRead: true }))).Item;

  async function getMany<T>(keys: readonly string[], schema: z.ZodType<T>): Promise<T[]> {
    const rows: T[] = [];
    const distinct = [...new Set(keys)];
    for (let at = 0; at < distinct.length; at += 100) {
      let left = distinct.slice(at, at + 100).map((pk) => key(pk));
      while (left.length > 0) {
        const answer = await client.send(
          new BatchGetItemCommand({ RequestItems: { [tableName]: { Keys: left, ConsistentRead: true } } }),
        );
        const items = answer.Responses?.[tableName] ?? [];
        const unread = answer.UnprocessedKeys?.[tableName]?.Keys ?? [];
        if (items.length === 0 && unread.length === left.length)
          throw new Fault('StoreUnavailable', 'the table answers none of the keys asked for');
        rows.push(...items.map((item) => rowOf(item, schema)));
        left = unread;
      }
    }
    return rows;
  }

  async function entriesOf({ entries, segment, batchHash }: Item): Promise<readonly Uint8Array[]> {
    if (entries?.L) return entries.L.map(({ B }) => B ?? new Uint8Array());
    const bytes = await worm.get(segment?.S ?? '');
    if (!bytes || sha256Hex(bytes) !== batchHash?.S)
      throw new Fault(
        'LedgerInconsistent',
        `segment ${segment?.S} is missing or holds other bytes than were committed`,
      );
    const { entries: kept } = SegmentEntries.parse(JSON.parse(new TextDecoder().decode(bytes)));
    return kept.map((entry) => new Uint8Array(Buffer.from(entry, 'base64')));
  }

  /** First index of the batch that holds `index`. */
  async function batchAt(tenant: TenantId, index: number): Promise<string | undefined> {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk AND sk <= :sk',
        ExpressionAttributeValues: { ':pk': { S: `BATCH#${tenant}` }, ':sk': { S: sortable(index) } },
        ProjectionExpression: 'sk',
        ScanIndexForward: false,
        Limit: 1,
        ConsistentRead: true,
      }),
    );
    return Items[0]?.sk?.S;
  }

  async function entries(tenant: TenantId, from: number, count: number): Promise<Uint8Array[]> {
    const first = count > 0 ? await batchAt(tenant, from) : undefined;
    if (first === undefined) return [];
    const found: Uint8Array[] = [];
    let start: Item | undefined;
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
          ExpressionAttributeValues: {
            ':pk': { S: `BATCH#${tenant}` },
            ':first': { S: first },
            ':last': { S: sortable(from + count - 1) },
          },
          ConsistentRead: true,
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      for (const item of page.Items ?? []) {
        const at = Number(item.sk?.S);
        const batch = await entriesOf(item);
        found.push(...batch.slice(Math.max(0, from - at), Math.max(0, from + count - at)));
      }
      start = page.LastEvaluatedKey;
    } while (start);
    return found;
  }

  async function batches(tenant: TenantId, from: number, limit: number): Promise<BatchRow[]> {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: 'pk = :pk AND sk >= :sk',
        ExpressionAttributeValues: { ':pk': { S: `BATCH#${tenant}` }, ':sk': { S: sortable(from) } },
        ProjectionExpression: 'sk, #segment, previousBatchHash, batchHash',
        // A word that expressions keep for themselves.
        ExpressionAttributeNames: { '#segment': 'segment' },
        Limit: limit,
        ConsistentRead: true,
      }),
    );
    return Items.map(({ sk, segment, previousBatchHash, batchHash }) =>
      StoredBatch.parse({
        ...{ firstIndex: sk?.S, segment: segment?.S },
        ...{ previousBatchHash: previousBatchHash?.S, batchHash: batchHash?.S },
      }),
    );
  }

  return {
    batchWeight: BATCH_WEIGHT,
    head: (tenant) =>
      storeCall('reading the head', async () => {
        const item = await get(`HEAD#${tenant}`);
        return item ? rowOf(item, HeadRow) : EMPTY_HEAD();
      }),
    commit: (tenant, batch, next, expected) =>
      storeCall('the commit', async () => {
        // Before the head exists, so that no log is ever left off the list; a name without a head is filtered there.
        if (expected.size === 0)
          await client.send(new PutItemCommand({ TableName: tableName, Item: key('TENANTS', tenant) }));
        try {
          await client.send(
            new TransactWriteItemsCommand({ TransactItems: commitItems(tableName, tenant, batch, next, expected) }),
          );
        } catch (error) {
          if (lostTheRace(error))
            throw new Fault('LedgerConflict', `the head is not at ${expected.size}, or a key is stored`, {
              cause: error,
            });
          throw error;
        }
      }),
    storedKeys: (tenant, keys) =>
      storeCall('reading keys', () =>
        getMany(
          keys.map((name) => `IDEM#${tenant}#${name}`),
          KeyRow,
        ),
      ),
    releasePointers: (tenant, releases) =>
      storeCall('reading releases', () =>
        getMany(
          releases.map((release) => `REL#${tenant}#${keyHash(release)}`),
          ReleaseRow,
        ),
      ),
    entries: (tenant, from, count) => storeCall('reading entries', () => entries(tenant, from, count)),
    batches: (tenant, from, limit) => storeCall('reading batches', () => batches(tenant, from, limit)),
    published: (tenant) =>
      storeCall('reading the checkpoint', async () => {
        const item = await get(`PUB#${tenant}`);
        return item && rowOf(item, PublishedRow);
      }),
    savePublished: (tenant, checkpoint, expectedSize) =>
      storeCall('saving the checkpoint', async () => {
        const shown = shownSize(checkpoint);
        try {
          await client.send(
            new PutItemCommand({
              TableName: tableName,
              Item: {
                ...key(`PUB#${tenant}`),
                size: number(checkpoint.size),
                shown: number(shown),
                ...body(checkpoint),
              },
              ...(expectedSize === 0
                ? { ConditionExpression: 'attribute_not_exists(pk)' }
                : {
                    // Rows of earlier versions, whose logs asked no witnesses, do not have it.
                    ConditionExpression: '#size = :expected AND (attribute_not_exists(shown) OR shown <= :shown)',
                    ExpressionAttributeNames: { '#size': 'size' },
                    ExpressionAttributeValues: { ':expected': number(expectedSize), ':shown': number(shown) },
                  }),
            }),
          );
        } catch (error) {
          if (isNamed(error, 'ConditionalCheckFailedException', 'TransactionConflictException'))
            throw new Fault('LedgerConflict', `the published checkpoint is no longer at ${expectedSize}`, {
              cause: error,
            });
          throw error;
        }
      }),
    tenants: () =>
      storeCall('listing logs', async () => {
        const names: TenantId[] = [];
        let start: Item | undefined;
        do {
          const page = await client.send(
            new QueryCommand({
              TableName: tableName,
              KeyConditionExpression: 'pk = :pk',
              ExpressionAttributeValues: { ':pk': { S: 'TENANTS' } },
              ConsistentRead: true,
              ...(start ? { ExclusiveStartKey: start } : {}),
            }),
          );
          names.push(...(page.Items ?? []).map((item) => TenantId.parse(item.sk?.S)));
          start = page.LastEvaluatedKey;
        } while (start);
        const started = await Promise.all(names.map(async (name) => (await get(`HEAD#${name}`)) !== undefined));
        return names.filter((_, at) => started[at]);
      }),
  };
}

/** Nothing was changed: a condition failed, or another transaction held one of the items. */
const lostTheRace = (error: unknown): boolean =>
  error instanceof TransactionCanceledException &&
  (error.CancellationReasons ?? []).some(
    ({ Code }) => Code === 'ConditionalCheckFailed' || Code === 'TransactionConflict',
  );

function commitItems(TableName: string, tenant: TenantId, batch: LedgerBatch, next: LedgerHead, expected: LedgerHead) {
  const absent = 'attribute_not_exists(pk)';
  const size = batch.entries.reduce((sum, { length }) => sum + length + 8, 0);
  const head = { ...key(`HEAD#${tenant}`), size: number(next.size), root: { S: next.root }, ...body(next) };
  const unchanged =
    expected.size === 0
      ? { ConditionExpression: absent }
      : {
          ConditionExpression: '#size = :size AND #root = :root',
          ExpressionAttributeNames: { '#size': 'size', '#root': 'root' },
          ExpressionAttributeValues: { ':size': number(expected.size), ':root': { S: expected.root } },
        };
  const row = {
    ...key(`BATCH#${tenant}`, sortable(batch.firstIndex)),
    segment: { S: batch.segment },
    previousBatchHash: { S: batch.previousBatchHash },
    batchHash: { S: batch.batchHash },
    ...(size <= INLINE_BYTES ? { entries: { L: batch.entries.map((B) => ({ B })) } } : {}),
  };
  return [
    { Put: { TableName, Item: head, ...unchanged } },
    { Put: { TableName, Item: row, ConditionExpression: absent } },
    ...batch.keys.map((stored) => ({
      Put: {
        TableName,
        Item: { ...key(`IDEM#${tenant}#${stored.key}`), ...body(stored) },
        ConditionExpression: absent,
      },
    })),
    ...batch.releases.map((pointer) => ({
      Put: { TableName, Item: { ...key(`REL#${tenant}#${keyHash(pointer.release)}`), ...body(pointer) } },
    })),
  ];
}
