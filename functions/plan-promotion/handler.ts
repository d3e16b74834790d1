import middy from '@middy/core';
import { s3Client, secretsManagerClient } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { secretsManagerSecrets } from '../../adapters/aws/secrets-manager-secrets.ts';
import { planPromotion } from '../../core/promotion/plan-promotion.ts';
import { runTask } from '../../core/task.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { deployedEnvironments } from '../environments.ts';
import { wormOf } from '../stores.ts';
import { deployedTargets } from '../targets.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const deployment = readDeployment();
const environments = deployedEnvironments(deployment);
const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
const deps = {
  worm: wormOf(s3Client(), env),
  environments,
  targets: deployedTargets(deployment.config, environments, secrets),
};

export const handler = middy((payload: unknown) => runTask(planPromotion, deps, payload));
