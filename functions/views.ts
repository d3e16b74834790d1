import type { dynamoClient } from '../adapters/aws/client.ts';
import { dynamoViews } from '../adapters/aws/dynamo-views.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { Views } from '../core/ports/views.ts';
import { projectEntries } from '../core/query/project.ts';

/** Views whose search sees what was committed before it: projections follow commits, but not at once. */
export function freshViews(client: ReturnType<typeof dynamoClient>, tableName: string, ledger: LedgerStore): Views {
  const kept = dynamoViews({ client, tableName });
  return {
    ...kept,
    find: async (tenant, ...search) => {
      await projectEntries({ ledger, views: kept }, tenant);
      return kept.find(tenant, ...search);
    },
  };
}
