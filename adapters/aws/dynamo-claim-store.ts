import {
  type DynamoDBClient,
  GetItemCommand,
  type Put,
  QueryCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import { Fault } from '../../core/faults.ts';
import type { ClaimRow, ClaimStatus, ClaimStore } from '../../core/ports/claim-store.ts';
import { parseClaimRow } from '../../core/runs/claim-row.ts';
import type { TenantId } from '../../events/fields.ts';
import { storeCall } from './errors.ts';
import { body, type Item, key, LISTS_INDEX, number, onList, rowBy } from './items.ts';

const STATUSES: readonly ClaimStatus[] = ['running', 'passed', 'refused', 'failed'];

const claimKey = ({ tenant, machine, businessKey }: Pick<ClaimRow, 'tenant' | 'machine' | 'businessKey'>) =>
  `CLAIM#${tenant}#${machine}#${businessKey}`;

const claimItem = (row: ClaimRow): Item => ({
  ...key(claimKey(row)),
  ...onList(`CLAIM#${row.tenant}#${row.status}`, `${row.claimedAt}#${row.businessKey}#${row.machine}`),
  status: { S: row.status },
  replay: number(row.replay),
  redrives: number(row.redrives),
  ...body(row),
});

/** Claims in DynamoDB; every run name a claim ever had stays findable (see `items.ts`). */
export function dynamoClaimStore({ client, tableName }: { client: DynamoDBClient; tableName: string }): ClaimStore {
  async function read(pk: string): Promise<Item | undefined> {
    const { Item } = await client.send(
      new GetItemCommand({ TableName: tableName, Key: key(pk), ConsistentRead: true }),
    );
    return Item;
  }
  const rowAt = async (pk: string): Promise<ClaimRow | undefined> => {
    const item = await read(pk);
    return item && rowBy(item, parseClaimRow);
  };

  /** Stores the row and its run's pointer together; false when the condition does not hold. */
  async function write(
    row: ClaimRow,
    condition: Pick<Put, 'ConditionExpression' | 'ExpressionAttributeNames' | 'ExpressionAttributeValues'>,
  ): Promise<boolean> {
    const pointer = { ...key(`RUN#${row.runName}`), claim: { S: claimKey(row) } };
    try {
      await client.send(
        new TransactWriteItemsCommand({
          TransactItems: [
            { Put: { TableName: tableName, Item: claimItem(row), ...condition } },
            { Put: { TableName: tableName, Item: pointer } },
          ],
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

  async function listed(tenant: TenantId, status: ClaimStatus, limit: number): Promise<ClaimRow[]> {
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName: tableName,
        IndexName: LISTS_INDEX,
        KeyConditionExpression: 'gpk = :gpk',
        ExpressionAttributeValues: { ':gpk': { S: `CLAIM#${tenant}#${status}` } },
        ScanIndexForward: false,
        Limit: limit,
      }),
    );
    return Items.map((item) => rowBy(item, parseClaimRow));
  }

  return {
    claim: (row) =>
      storeCall('claiming', async () => {
        if (await write(row, { ConditionExpression: 'attribute_not_exists(pk)' })) return { claimed: true };
        const stored = await rowAt(claimKey(row));
        if (!stored) throw new Fault('StoreUnavailable', `the claim of ${row.runName} is neither free nor stored`);
        return { claimed: false, row: stored };
      }),
    get: (tenant, businessKey, machine) =>
      storeCall('reading a claim', () => rowAt(claimKey({ tenant, businessKey, machine }))),
    byRun: (runName) =>
      storeCall('reading a claim', async () => {
        const pointer = await read(`RUN#${runName}`);
        return pointer?.claim?.S === undefined ? undefined : rowAt(pointer.claim.S);
      }),
    replace: (row, expected) =>
      storeCall('replacing a claim', async () => {
        const written = await write(row, {
          ConditionExpression: '#status = :status AND #replay = :replay AND #redrives = :redrives',
          ExpressionAttributeNames: { '#status': 'status', '#replay': 'replay', '#redrives': 'redrives' },
          ExpressionAttributeValues: {
            ':status': { S: expected.status },
            ':replay': number(expected.replay),
            ':redrives': number(expected.redrives),
          },
        });
        if (!written) throw new Fault('LedgerConflict', `the claim of ${row.runName} has changed`);
      }),
    list: (tenant, { status, limit }) =>
      storeCall('listing claims', async () => {
        const lists = await Promise.all((status ? [status] : STATUSES).map((each) => listed(tenant, each, limit)));
        return lists
          .flat()
          .sort((a, b) => (a.claimedAt < b.claimedAt ? 1 : -1))
          .slice(0, limit);
      }),
  };
}
