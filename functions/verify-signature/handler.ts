import middy from '@middy/core';
import { kmsClient, s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { kmsSigner } from '../../adapters/aws/kms-signer.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { verifySignature } from '../../core/signing/verify-signature.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { tenantOfPayload } from '../payload.ts';
import { registries } from '../repositories.ts';
import { wormOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const kms = kmsClient();
const deps = {
  worm: wormOf(s3Client(), env),
  registries: registries(readDeployment(), secretsManagerSecrets(secretsManagerClient(), lambdaClock.now)),
};

export const handler = middy((payload: unknown) => {
  const signer = kmsSigner({ client: kms, keyId: env.ARTIFACT_KEY_ARNS[tenantOfPayload(payload)] ?? '' });
  return runTask(verifySignature, { ...deps, signer }, payload);
});
