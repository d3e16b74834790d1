import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { inspectBinaries } from '../../core/oci/inspect-binaries.ts';
import type { ImageDeps } from '../../core/oci/resolve-image.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { registries } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const registryAt = registries(readDeployment(), secretsManagerSecrets(secretsManagerClient(), lambdaClock.now));
const deps: ImageDeps = {
  worm: wormOf(s3Client(), env),
  registryOf: (tenant, { host, name }) => registryAt(tenant, host, name),
};

export const handler = middy((payload: unknown) => runTask(inspectBinaries, deps, payload));
