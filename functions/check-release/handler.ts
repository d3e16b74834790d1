import middy from '@middy/core';
import { dynamoClient, s3Client } from '../../adapters/aws/client.ts';
import { checkRelease } from '../../core/promotion/check-release.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = ledgerOf(s3Client(), dynamoClient(), env);

export const handler = middy((payload: unknown) => runTask(checkRelease, deps, payload));
