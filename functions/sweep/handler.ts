import middy from '@middy/core';
import { dynamoClient, s3Client, sfnClient } from '../../adapters/aws/client.ts';
import { dynamoAuditStore } from '../../adapters/aws/dynamo-audit-store.ts';
import { dynamoClaimStore } from '../../adapters/aws/dynamo-claim-store.ts';
import { sfnWorkflows } from '../../adapters/aws/sfn-workflows.ts';
import { logsOf } from '../../core/config.ts';
import type { ClaimRow } from '../../core/ports/claim-store.ts';
import { COMPENSATING_MACHINES, compensateRun } from '../../core/promotion/start-rollback.ts';
import { sweepAll } from '../../core/runs/sweep-all.ts';
import { readDeployment } from '../deployment.ts';
import { readEnvironment } from '../environment.ts';
import { promotionMachinesOf, releaseMachinesOf } from '../machines.ts';
import { appenderOf } from '../stores.ts';
import { Env } from './env.ts';

const env = readEnvironment(Env);
const dynamo = dynamoClient();
const logs = logsOf(readDeployment().config).map(({ id }) => id);
const machineArns = {
  ...releaseMachinesOf(env),
  ...promotionMachinesOf(env),
  checkpoint: env.CHECKPOINT_MACHINE_ARN,
  audit: env.AUDIT_MACHINE_ARN,
};
const stores = {
  ...appenderOf(s3Client(), dynamo, env),
  audits: dynamoAuditStore({ client: dynamo, tableName: env.LEDGER_TABLE_NAME }),
  claims: dynamoClaimStore({ client: dynamo, tableName: env.CLAIMS_TABLE_NAME }),
  workflows: sfnWorkflows({ client: sfnClient(), machineArns, compensating: COMPENSATING_MACHINES }),
};
const deps = { ...stores, compensate: (failed: ClaimRow) => compensateRun(stores, failed) };

export const handler = middy(() => sweepAll(deps, logs));
