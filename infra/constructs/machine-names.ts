import { Arn, ArnFormat, Aws, type Stack } from 'aws-cdk-lib';
import type { MachineName } from '../../statemachines/catalog.ts';

/** Names that are known before the machines are: a step may need the machine that needs its function. */

/** What every start goes through: it leads to the newest version, and runs that are open stay on theirs. */
export const ALIAS = 'live';

export const machineNameOf = (machine: MachineName): string => `${Aws.STACK_NAME}-${machine}`;

const arnOf = (stack: Stack, resource: 'stateMachine' | 'execution', resourceName: string): string =>
  Arn.format({ service: 'states', resource, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME }, stack);

export const machineArnOf = (stack: Stack, machine: MachineName): string =>
  arnOf(stack, 'stateMachine', machineNameOf(machine));

export const aliasArnOf = (stack: Stack, machine: MachineName): string =>
  arnOf(stack, 'stateMachine', `${machineNameOf(machine)}:${ALIAS}`);

/** Executions are named under their machine, whatever version or alias started them. */
export const executionArnsOf = (stack: Stack, machine: MachineName): string =>
  arnOf(stack, 'execution', `${machineNameOf(machine)}:*`);
