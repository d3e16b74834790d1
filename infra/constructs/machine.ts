import { readFileSync } from 'node:fs';
import { Aws } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Version } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { DefinitionBody, LogLevel, StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { lintStateMachine } from '../../core/asl/lint.ts';
import { FAULT_NAMES } from '../../core/faults.ts';
import type { MachineName } from '../../statemachines/catalog.ts';
import type { Lifetime } from './relseal-function.ts';
import { acknowledgeAnyResource } from './wildcards.ts';

const fileOf = (machine: MachineName) => new URL(`../../statemachines/${machine}.asl.json`, import.meta.url);

/** The definition with its placeholders filled in: function versions, and the partition. */
function definitionOf(machine: MachineName, versions: ReadonlyMap<string, Version>) {
  const text = readFileSync(fileOf(machine), 'utf8');
  const findings = lintStateMachine(JSON.parse(text), { faults: FAULT_NAMES });
  if (findings.length > 0)
    throw new Error(findings.map(({ path, reason }) => `${machine}: ${path} ${reason}`).join('\n'));
  const used = new Map<string, Version>();
  const definition = text.replaceAll(/\$\{(\w+)\}/g, (_, placeholder: string) => {
    if (placeholder === 'Partition') return Aws.PARTITION;
    const version = versions.get(placeholder);
    if (!version) throw new Error(`${machine}: no function for ${placeholder}`);
    used.set(placeholder, version);
    return version.functionArn;
  });
  return { definition, used: [...used.values()] };
}

export interface MachineProps {
  readonly machine: MachineName;
  /** By placeholder, `VerifyGoSumFunction`. */
  readonly versions: ReadonlyMap<string, Version>;
  readonly lifetime: Lifetime;
}

/** One state machine from its ASL file, allowed to call the very versions it names. */
export class Machine extends Construct {
  readonly stateMachine: StateMachine;

  constructor(scope: Construct, id: string, { machine, versions, lifetime }: MachineProps) {
    super(scope, id);
    const { definition, used } = definitionOf(machine, versions);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: used.map(({ functionArn }) => functionArn),
      }),
    );
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/vendedlogs/states/${Aws.STACK_NAME}-${machine}`,
      retention: lifetime.logRetention,
      removalPolicy: lifetime.removalPolicy,
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      definitionBody: DefinitionBody.fromString(definition),
      role,
      // Which state, when and how it ended; never what it was about.
      logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
      tracingEnabled: true,
      removalPolicy: lifetime.removalPolicy,
    });
    acknowledgeAnyResource(this, 'Log delivery and X-Ray are granted on * only: neither service knows resources.');
  }
}
