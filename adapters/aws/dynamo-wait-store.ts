import {
  type DynamoDBClient,
  GetItemCommand,
  type Put,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { Fault } from '../../core/faults.ts';
import type { WaitKey, WaitRow, WaitStore } from '../../core/ports/wait-store.ts';
import { StoredWait } from '../../core/promotion/wait-row.ts';
import type { TenantId } from '../../events/fields.ts';
import { storeCall } from './errors.ts';
import { body, type Item, key, number, rowOf } from './items.ts';

const rowIn = (item: Item): WaitRow => rowOf(item, StoredWait);

const waitKey = ({ tenant, kind, businessKey, ordinal }: WaitKey) =>
  key(`WAIT#${tenant}#${kind}#${businessKey}`, String(ordinal));
const listName = (tenant: TenantId, kind: WaitRow['kind']) => `OPEN#${tenant}#${kind}`;
const openKey = ({ tenant, kind, businessKey, ordinal }: WaitKey) =>
  key(listName(tenant, kind), `${businessKey}#${ordinal}`);

type Condition = Pick<Put, 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>;

/**
 * Waits in DynamoDB. An open wait has a second item below its list, a copy that is written and deleted in one transaction
 * with the first: an index may lag, and a wait that it does not show yet would miss its tick.
 */
export function dynamoWaitStore({ client, tableName }: { client: DynamoDBClient; tableName: string }): WaitStore {
  async function read(of: WaitKey): Promise<WaitRow | undefined> {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: waitKey(of), ConsistentRead: true }),
    );
    return Item && rowIn(Item);
  }

  /** Stores the row and what its list shows of it; false when the condition does not hold. */
  async function write(row: WaitRow, condition: Condition): Promise<boolean> {
    const listed = row.open
      ? { Put: { TableName: tableName, Item: { ...openKey(row), ...body(row) } } }
      : { Delete: { TableName: tableName, Key: openKey(row) } };
    const Item = { ...waitKey(row), version: number(row.version), ...body(row) };
    try {
      await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [{ Put: { TableName: tableName, Item, ...condition } }, listed],
        }),
      );
      return true;
    } catch (error) {
      const conflict =
        error instanceof TransactionCanceledException &&
        error.CancellationReasons?.[0]?.Code === 'ConditionalCheckFailed';
      if (conflict) return false;
      throw error;
    }
  }

  async function listed(tenant: TenantId, kind: WaitRow['kind'], limit: number): Promise<WaitRow[]> {
    const rows: WaitRow[] = [];
    let from: Item | undefined;
    do {
      const page = await client.send(
        new QueryCommand({
          TableName: tableName,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: listName(tenant, kind) } },
          ConsistentRead: true,
          Limit: limit - rows.length,
          ...(from ? { ExclusiveStartKey: from } : {}),
        }),
      );
      rows.push(...(page.Items ?? []).map(rowIn));
      from = page.LastEvaluatedKey;
    } while (from && rows.length < limit);
    return rows;
  }

  return {
    open: (row) =>
      storeCall('opening a wait', async () => {
        if (await write(row, { ConditionExpression: 'attribute_not_exists(pk)' })) return { opened: true };
        const stored = await read(row);
        if (!stored) throw new Fault('StoreUnavailable', `the wait of ${row.runName} is neither free nor stored`);
        return { opened: false, row: stored };
      }),
    get: (of) => storeCall('reading a wait', () => read(of)),
    replace: (row) =>
      storeCall('replacing a wait', async () => {
        const written = await write(row, {
          ConditionExpression: '#version = :version',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: { ':version': number(row.version - 1) },
        });
        if (!written) throw new Fault('LedgerConflict', `the wait of ${row.runName} has changed`);
      }),
    listOpen: (tenant, kind, limit) => storeCall('listing waits', () => listed(tenant, kind, limit)),
  };
}
