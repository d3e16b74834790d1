import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { tenantOfHead } from '../../adapters/aws/dynamo-ledger-store.ts';
import { dynamoViews } from '../../adapters/aws/dynamo-views.ts';
import { projectEntries } from '../../core/query/project.ts';
import { readEnvironment } from '../environment.ts';
import { eachRow } from '../records.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const deps = {
  ...ledgerOf(s3Client(), dynamo, env),
  views: dynamoViews({ client: dynamo, tableName: env.VIEWS_TABLE_NAME }),
};

export const handler = middy((event: unknown) => eachRow(event, ({ pk }) => projectEntries(deps, tenantOfHead(pk))));
