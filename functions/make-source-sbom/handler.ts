import middy from '@middy/core';
import { s3Client } from '../../adapters/aws/client.ts';
import { makeSourceSbom } from '../../core/sbom/make-source-sbom.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = { worm: wormOf(s3Client(), env) };

export const handler = middy((payload: unknown) => runTask(makeSourceSbom, deps, payload));
