import middy from '@middy/core';
import { dynamoClient, kmsClient, s3Client } from '../../adapters/aws/client.ts';
import { lambdaClock } from '../../adapters/aws/clock.ts';
import { kmsNoteSigner } from '../../adapters/aws/kms-note-signer.ts';
import { openEgress } from '../../adapters/network/egress.ts';
import { httpWitnesses } from '../../adapters/network/http-witness.ts';
import { logOf, logsOf } from '../../core/config.ts';
import type { EntryDraft } from '../../core/ledger/entry.ts';
import { META_LOG } from '../../core/ledger/meta-log.ts';
import { publishCheckpointTask } from '../../core/ledger/publish.ts';
import { runTask } from '../../core/task.ts';
import type { TenantId } from '../../events/fields.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const { config } = readDeployment();
const { append, ...stores } = appenderOf(s3Client(), dynamoClient(), env);
const deps = {
  ...stores,
  clock: lambdaClock,
  noteSigner: kmsNoteSigner({ client: kmsClient(), keyId: env.NOTE_KEY_ARN }),
  originOf: (tenant: TenantId) => logOf(config, tenant).origin,
  witnessingOf: httpWitnesses(openEgress(config.hosts), logsOf(config)),
  ...(config.metaLog ? { appendMeta: (drafts: readonly EntryDraft[]) => append(META_LOG, drafts) } : {}),
};

export const handler = middy((payload: unknown) => runTask(publishCheckpointTask, deps, payload));
