import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { plainZipHasher } from '../../core/gosum/zip-hashing.ts';
import { runTask } from '../../core/task.ts';
import { verifyVendor } from '../../core/vendoring/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { tenantOfPayload } from '../payload.ts';
import { tenantModules } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const worm = wormOf(s3Client(), readEnvironment(Env));
const modulesOf = tenantModules(readDeployment(), secretsManagerSecrets(secretsManagerClient(), lambdaClock.now));

export const handler = middy((payload: unknown) => {
  const { modules } = modulesOf(tenantOfPayload(payload));
  return runTask(verifyVendor, { worm, modules, hasher: plainZipHasher }, payload);
});
