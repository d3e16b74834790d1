import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { reportStatus } from '../../core/status/report-status.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { statusOf } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const deps = {
  worm: wormOf(s3Client(), readEnvironment(Env)),
  statusOf: statusOf(readDeployment(), secretsManagerSecrets(secretsManagerClient(), lambdaClock.now)),
};

export const handler = middy((payload: unknown) => runTask(reportStatus, deps, payload));
