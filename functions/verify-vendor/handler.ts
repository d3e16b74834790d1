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
import { cachesOf, wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const s3 = s3Client();
const [worm, caches] = [wormOf(s3, env), cachesOf(s3, env)];
const modulesOf = tenantModules(readDeployment(), secretsManagerSecrets(secretsManagerClient(), lambdaClock.now));

export const handler = middy((payload: unknown) => {
  const tenant = tenantOfPayload(payload);
  const { modules } = modulesOf(tenant);
  return runTask(verifyVendor, { worm, modules, cache: caches(tenant).modules, hasher: plainZipHasher }, payload);
});
