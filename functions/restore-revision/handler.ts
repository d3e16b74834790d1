import middy from '@middy/core';
import { dynamoClient } from '../../adapters/aws/client.ts';
import { dynamoTargetLocks } from '../../adapters/aws/dynamo-target-locks.ts';
import { restoreRevision } from '../../core/promotion/restore-revision.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { targetChangesOf } from '../target-changes.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = {
  ...targetChangesOf(env),
  locks: dynamoTargetLocks({ client: dynamoClient(), tableName: env.WAITS_TABLE_NAME }),
};

export const handler = middy((payload: unknown) => runTask(restoreRevision, deps, payload));
