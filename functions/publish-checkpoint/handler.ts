import middy from '@middy/core';
import { dynamoClient, kmsClient, s3Client } from '../../adapters/aws/client.ts';
import { kmsNoteSigner } from '../../adapters/aws/kms-note-signer.ts';
import { publishCheckpointTask } from '../../core/ledger/publish.ts';
import { runTask } from '../../core/task.ts';
import type { TenantId } from '../../events/fields.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { ledgerOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const { tenantOf } = readDeployment();
const deps = {
  ...ledgerOf(s3Client(), dynamoClient(), env),
  noteSigner: kmsNoteSigner({ client: kmsClient(), keyId: env.NOTE_KEY_ARN }),
  originOf: (tenant: TenantId) => tenantOf(tenant).origin,
};

export const handler = middy((payload: unknown) => runTask(publishCheckpointTask, deps, payload));
