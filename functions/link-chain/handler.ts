import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoViews } from '../../adapters/aws/dynamo-views.ts';
import { linkChain } from '../../core/chain/link-chain.ts';
import type { Views } from '../../core/ports/views.ts';
import { projectEntries } from '../../core/query/project.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { sourceOf } from '../repositories.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const stores = ledgerOf(s3Client(), dynamo, env);
const kept = dynamoViews({ client: dynamo, tableName: env.VIEWS_TABLE_NAME });
// A search must see what was committed before it: projections follow commits, but not at once.
const views: Views = {
  ...kept,
  find: async (tenant, ...search) => {
    await projectEntries({ ledger: stores.ledger, views: kept }, tenant);
    return kept.find(tenant, ...search);
  },
};
const deps = { ...stores, views, sourceOf: sourceOf(readDeployment()) };

export const handler = middy((payload: unknown) => runTask(linkChain, deps, payload));
