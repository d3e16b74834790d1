import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { fetchSource } from '../../core/source/fetch-source.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { sourceHosts } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const deps = { worm: wormOf(s3Client(), env), sourceHosts: sourceHosts(readDeployment(), secrets) };

export const handler = middy((payload: unknown) => runTask(fetchSource, deps, payload));
