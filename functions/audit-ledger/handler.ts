import middy from '@middy/core';
import { dynamoClient, kmsClient, s3Client } from '../../adapters/aws/client.ts';
import { dynamoAuditStore } from '../../adapters/aws/dynamo-audit-store.ts';
import { kmsNoteSigner } from '../../adapters/aws/kms-note-signer.ts';
import { logOf } from '../../core/config.ts';
import { auditLedgerTask } from '../../core/ledger/audit.ts';
import { runTask } from '../../core/task.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import type { TenantId } from '../../events/fields.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const { config } = readDeployment();
const dynamo = dynamoClient();
const noteSigner = kmsNoteSigner({ client: kmsClient(), keyId: env.NOTE_KEY_ARN });
const deps = {
  ...appenderOf(s3Client(), dynamo, env),
  audits: dynamoAuditStore({ client: dynamo, tableName: env.LEDGER_TABLE_NAME }),
  keyOf: async (tenant: TenantId) => verifierKeyOf(logOf(config, tenant).origin, await noteSigner.publicKey()),
};

export const handler = middy((payload: unknown) => runTask(auditLedgerTask, deps, payload));
