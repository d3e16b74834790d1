import type { Stack } from 'aws-cdk-lib';
import type { Env as CheckReleaseEnv } from '../functions/check-release/env.ts';
import type { Env as ClaimPromotionEnv } from '../functions/claim-promotion/env.ts';
import type { Env as ClosePromotionEnv } from '../functions/close-promotion/env.ts';
import type { Env as FreeTargetEnv } from '../functions/free-target/env.ts';
import type { Env as OpenStageEnv } from '../functions/open-stage/env.ts';
import type { Env as PlanPromotionEnv } from '../functions/plan-promotion/env.ts';
import type { Env as RequestApprovalEnv } from '../functions/request-approval/env.ts';
import type { Env as RestoreRevisionEnv } from '../functions/restore-revision/env.ts';
import type { Env as ShiftTrafficEnv } from '../functions/shift-traffic/env.ts';
import type { Env as StartRollbackEnv } from '../functions/start-rollback/env.ts';
import type { StepName } from '../statemachines/catalog.ts';
import type { Configuration } from './configuration.ts';
import { secretGrants, startGrant, tableGrant, tokenGrant } from './constructs/grants.ts';
import { aliasArnOf, machineArnOf } from './constructs/machine-names.ts';
import { appendGrants, evidenceGrants, type FunctionSpec, ledgerGrants, SHORT, variablesOf } from './function-spec.ts';
import type { StatefulStack } from './stacks/stateful.ts';

type PromotionStep = Extract<
  StepName,
  | 'claim-promotion'
  | 'check-release'
  | 'plan-promotion'
  | 'request-approval'
  | 'shift-traffic'
  | 'open-stage'
  | 'close-promotion'
  | 'start-rollback'
  | 'free-target'
  | 'restore-revision'
>;

/**
 * The steps of a promotion and of its rollback. Those that a machine needs and that need a machine themselves name it
 * instead of referring to it.
 */
export function promotionSpecs(
  stack: Stack,
  state: StatefulStack,
  configuration: Configuration,
): Record<PromotionStep, FunctionSpec> {
  const { worm, ledger } = variablesOf(state, configuration);
  const CLAIMS_TABLE_NAME = state.claims.tableName;
  const WAITS_TABLE_NAME = state.waits.tableName;
  const targets = secretGrants(configuration.targetSecrets);
  const readClaims = tableGrant(state.claims, 'GetItem');
  const freeLock = tableGrant(state.waits, 'DeleteItem');
  const says = [readClaims, ...appendGrants(state), ...ledgerGrants(state)];
  return {
    'claim-promotion': {
      environment: { ...worm, CLAIMS_TABLE_NAME, WAITS_TABLE_NAME } satisfies Record<keyof ClaimPromotionEnv, string>,
      grants: [readClaims, tableGrant(state.waits, 'PutItem'), ...evidenceGrants(state)],
      timeoutSeconds: SHORT,
    },
    'check-release': {
      environment: ledger satisfies Record<keyof CheckReleaseEnv, string>,
      grants: [...ledgerGrants(state), ...evidenceGrants(state)],
      timeoutSeconds: SHORT,
    },
    'plan-promotion': {
      environment: worm satisfies Record<keyof PlanPromotionEnv, string>,
      grants: [...evidenceGrants(state), ...targets],
      timeoutSeconds: SHORT,
    },
    'request-approval': {
      environment: { ...ledger, CLAIMS_TABLE_NAME, WAITS_TABLE_NAME } satisfies Record<
        keyof RequestApprovalEnv,
        string
      >,
      grants: [
        readClaims,
        tableGrant(state.waits, 'GetItem', 'PutItem', 'DeleteItem'),
        tokenGrant(machineArnOf(stack, 'promotion'), 'SendTaskSuccess'),
        ...ledgerGrants(state),
      ],
      timeoutSeconds: SHORT,
    },
    'shift-traffic': {
      environment: { ...ledger, CLAIMS_TABLE_NAME } satisfies Record<keyof ShiftTrafficEnv, string>,
      grants: [...says, ...targets],
      timeoutSeconds: SHORT,
    },
    'open-stage': {
      environment: { ...ledger, WAITS_TABLE_NAME } satisfies Record<keyof OpenStageEnv, string>,
      grants: [tableGrant(state.waits, 'GetItem', 'PutItem'), ...ledgerGrants(state)],
      timeoutSeconds: SHORT,
    },
    'close-promotion': {
      environment: { ...ledger, CLAIMS_TABLE_NAME, WAITS_TABLE_NAME } satisfies Record<keyof ClosePromotionEnv, string>,
      grants: [...says, freeLock, ...targets],
      timeoutSeconds: SHORT,
    },
    'start-rollback': {
      environment: { CLAIMS_TABLE_NAME, ROLLBACK_MACHINE_ARN: aliasArnOf(stack, 'rollback') } satisfies Record<
        keyof StartRollbackEnv,
        string
      >,
      grants: [tableGrant(state.claims, 'GetItem', 'PutItem'), startGrant([machineArnOf(stack, 'rollback')])],
      timeoutSeconds: SHORT,
    },
    'free-target': {
      environment: { WAITS_TABLE_NAME } satisfies Record<keyof FreeTargetEnv, string>,
      grants: [freeLock],
      timeoutSeconds: SHORT,
    },
    'restore-revision': {
      environment: { ...ledger, CLAIMS_TABLE_NAME, WAITS_TABLE_NAME } satisfies Record<
        keyof RestoreRevisionEnv,
        string
      >,
      grants: [...says, freeLock, ...targets],
      timeoutSeconds: SHORT,
    },
  };
}
