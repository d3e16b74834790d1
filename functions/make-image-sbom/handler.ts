import middy from '@middy/core';
import { s3Client } from '../../adapters/aws/client.ts';
import { makeImageSbom } from '../../core/sbom/make-image-sbom.ts';
import { runTask } from '../../core/task.ts';
import { readEnvironment } from '../environment.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deps = { worm: wormOf(s3Client(), env) };

export const handler = middy((payload: unknown) => runTask(makeImageSbom, deps, payload));
