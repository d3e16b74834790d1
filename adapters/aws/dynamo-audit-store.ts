import { type DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { AuditStateRow } from '../../core/ledger/audit-state.ts';
import type { AuditStore } from '../../core/ports/audit-store.ts';
import type { TenantId } from '../../events/fields.ts';
import { storeCall } from './errors.ts';
import { body, key, rowOf } from './items.ts';

/** Cursors of audits, in the table of the logs. */
export function dynamoAuditStore({ client, tableName }: { client: DynamoDBClient; tableName: string }): AuditStore {
  const at = (tenant: TenantId) => key(`AUDIT#${tenant}`);
  return {
    load: (tenant) =>
      storeCall('reading an audit', async () => {
        const { Item } = await client.send(
          new GetItemCommand({ TableName: tableName, Key: at(tenant), ConsistentRead: true }),
        );
        return Item && rowOf(Item, AuditStateRow);
      }),
    save: (tenant, state) =>
      storeCall('saving an audit', async () => {
        await client.send(new PutItemCommand({ TableName: tableName, Item: { ...at(tenant), ...body(state) } }));
      }),
  };
}
