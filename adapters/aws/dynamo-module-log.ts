import {
  type DynamoDBClient,
  GetItemCommand,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import { emptyModuleLog, LoggedModuleRow, ModuleLogHeadRow } from '../../core/modulelog/rows.ts';
import type { LoggedModule, ModuleLogHead, ModuleLogStore, TileHash } from '../../core/ports/module-log-store.ts';
import { Sha256Hex, type TenantId } from '../../events/fields.ts';
import { isNamed, storeCall } from './errors.ts';
import { body, type Item, key, keyHash, number, rowOf, sortable } from './items.ts';

const HashRow = z.strictObject({ hash: Sha256Hex });

const LOST = new Set(['ConditionalCheckFailed', 'TransactionConflict']);
/** Another writer won: the head moved, the module is logged, or their transaction was under way. */
const lostTheRace = (error: unknown): boolean =>
  error instanceof TransactionCanceledException
    ? (error.CancellationReasons ?? []).some(({ Code }) => Code !== undefined && LOST.has(Code))
    : isNamed(error, 'TransactionConflictException');

const headKey = (tenant: TenantId) => key(`MODHEAD#${tenant}`);
const moduleKey = (tenant: TenantId, path: string, version: string) =>
  key(`MODULE#${tenant}#${keyHash(path, version)}`);

function appendItems(
  TableName: string,
  tenant: TenantId,
  module: LoggedModule,
  hashes: readonly TileHash[],
  next: ModuleLogHead,
  expectedSize: number,
) {
  const ConditionExpression = 'attribute_not_exists(pk)';
  const once = (Item: Item) => ({ Put: { TableName, Item, ConditionExpression } });
  const head = { ...headKey(tenant), size: number(next.size), ...body(next) };
  return [
    expectedSize === 0
      ? once(head)
      : {
          Put: {
            ...{ TableName, Item: head, ConditionExpression: '#size = :expected' },
            ExpressionAttributeNames: { '#size': 'size' },
            ExpressionAttributeValues: { ':expected': number(expectedSize) },
          },
        },
    once({ ...moduleKey(tenant, module.path, module.version), ...body(module) }),
    once({ ...key(`MODLOG#${tenant}`, sortable(module.index)), ...body(module) }),
    ...hashes.map(({ level, index, hash }) =>
      once({ ...key(`MODHASH#${tenant}#${level}`, sortable(index)), ...body({ hash }) }),
    ),
  ];
}

/** Module logs in DynamoDB: one TransactWriteItems an append, conditional on the head and on the module version. */
export function dynamoModuleLog({ client, tableName }: { client: DynamoDBClient; tableName: string }): ModuleLogStore {
  const get = async (Key: Item): Promise<Item | undefined> =>
    (await client.send(new GetItemCommand({ TableName: tableName, Key, ConsistentRead: true }))).Item;

  async function range<T>(pk: string, from: number, count: number, schema: z.ZodType<T>): Promise<T[]> {
    const found: T[] = [];
    let start: Item | undefined;
    if (count <= 0) return found;
    do {
      const page = await client.send(
        new QueryCommand({
          ...{ TableName: tableName, ConsistentRead: true },
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :first AND :last',
          ExpressionAttributeValues: {
            ':pk': { S: pk },
            ':first': { S: sortable(from) },
            ':last': { S: sortable(from + count - 1) },
          },
          ...(start ? { ExclusiveStartKey: start } : {}),
        }),
      );
      found.push(...(page.Items ?? []).map((item) => rowOf(item, schema)));
      start = page.LastEvaluatedKey;
    } while (start);
    return found;
  }

  async function hashesOf(tenant: TenantId, level: number, from: number, count: number): Promise<Sha256Hex[]> {
    const rows = await range(`MODHASH#${tenant}#${level}`, from, count, HashRow);
    return rows.map(({ hash }) => hash);
  }

  return {
    head: (tenant) =>
      storeCall('reading the module log', async () => {
        const item = await get(headKey(tenant));
        return item ? rowOf(item, ModuleLogHeadRow) : emptyModuleLog();
      }),
    append: (tenant, module, hashes, next, expectedSize) =>
      storeCall('the append', async () => {
        try {
          const TransactItems = appendItems(tableName, tenant, module, hashes, next, expectedSize);
          await client.send(new TransactWriteItemsCommand({ TransactItems }));
        } catch (error) {
          if (!lostTheRace(error)) throw error;
          throw new Fault('LedgerConflict', `the module log is not at ${expectedSize}`, { cause: error });
        }
      }),
    find: (tenant, path, version) =>
      storeCall('reading a logged module', async () => {
        const item = await get(moduleKey(tenant, path, version));
        return item && rowOf(item, LoggedModuleRow);
      }),
    modules: (tenant, from, count) =>
      storeCall('reading logged modules', () => range(`MODLOG#${tenant}`, from, count, LoggedModuleRow)),
    hashes: (tenant, level, from, count) => storeCall('reading hashes', () => hashesOf(tenant, level, from, count)),
  };
}
