import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { checkTagSigner } from '../../core/signers/task.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { sourceHosts } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const deployment = readDeployment();
const deps = {
  worm: wormOf(s3Client(), readEnvironment(Env)),
  clock: lambdaClock,
  policies: deployment.policies,
  sourceHosts: sourceHosts(deployment, secretsManagerSecrets(secretsManagerClient(), lambdaClock.now)),
};

export const handler = middy((payload: unknown) => runTask(checkTagSigner, deps, payload));
