import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { linkChain } from '../../core/chain/link-chain.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { sourceOf } from '../repositories.ts';
import { ledgerOf } from '../stores.ts';
import { freshViews } from '../views.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const stores = ledgerOf(s3Client(), dynamo, env);
const views = freshViews(dynamo, env.VIEWS_TABLE_NAME, stores.ledger);
const deps = { ...stores, views, sourceOf: sourceOf(readDeployment()) };

export const handler = middy((payload: unknown) => runTask(linkChain, deps, payload));
