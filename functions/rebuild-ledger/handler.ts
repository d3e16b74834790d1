import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { RebuildAsk, rebuildLogs } from '../../core/ledger/rebuild.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = ledgerOf(s3Client(), dynamoClient(), env);
const { tenants } = readDeployment();

/** Asked by an operator; one that ran out of time is asked again and goes on from what was committed. */
export const handler = middy((event: unknown) => rebuildLogs(deps, tenants, RebuildAsk.parse(event)));
