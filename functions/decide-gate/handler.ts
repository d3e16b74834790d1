import middy from '@middy/core';
import { s3Client } from '../../adapters/aws/client.ts';
import { decideGate } from '../../core/gate/decide-gate.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = { worm: wormOf(s3Client(), env), policies: readDeployment().policies };

export const handler = middy((payload: unknown) => runTask(decideGate, deps, payload));
