import type * as z from 'zod';
import { dynamoClient, s3Client, secretsManagerClient } from '../adapters/aws/client.ts';
import { lambdaClock } from '../adapters/aws/clock.ts';
import { dynamoClaimStore } from '../adapters/aws/dynamo-claim-store.ts';
import { secretsManagerSecrets } from '../adapters/aws/secrets-manager-secrets.ts';
import { readDeployment } from './deployment.ts';
import type { TARGET_CHANGES } from './environment.ts';
import { deployedEnvironments } from './environments.ts';
import { appenderOf } from './stores.ts';
import { deployedTargets } from './targets.ts';

/** What a change of a target needs: the ledger that allows it and is told of it, and the target. */
export function targetChangesOf(env: z.infer<z.ZodObject<typeof TARGET_CHANGES>>) {
  const client = dynamoClient();
  const deployment = readDeployment();
  const secrets = secretsManagerSecrets(secretsManagerClient(), lambdaClock.now);
  return {
    ...appenderOf(s3Client(), client, env),
    claims: dynamoClaimStore({ client, tableName: env.CLAIMS_TABLE_NAME }),
    targets: deployedTargets(deployment.config, deployedEnvironments(deployment), secrets),
  };
}
