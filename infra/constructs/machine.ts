import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Aws, Lazy, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Version } from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import {
  CfnStateMachine,
  CfnStateMachineAlias,
  CfnStateMachineVersion,
  DefinitionBody,
  LogLevel,
  StateMachine,
} from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { lintStateMachine } from '../../core/asl/lint.ts';
import { FAULT_NAMES } from '../../core/faults.ts';
import { COMPENSATING, type MachineName } from '../../statemachines/catalog.ts';
import { ALIAS, machineNameOf } from './machine-names.ts';
import type { Lifetime } from './relseal-function.ts';
import { acknowledgeAnyResource, acknowledgeVersions } from './wildcards.ts';

const fileOf = (machine: MachineName) => new URL(`../../statemachines/${machine}.asl.json`, import.meta.url);

/** The definition with its placeholders filled in: function versions, and the partition. */
function definitionOf(machine: MachineName, versions: ReadonlyMap<string, Version>) {
  const text = readFileSync(fileOf(machine), 'utf8');
  const rules = { faults: FAULT_NAMES, compensating: COMPENSATING.includes(machine) };
  const findings = lintStateMachine(JSON.parse(text), rules);
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

/** One state machine from its ASL file, which calls the very versions it names and is started by its alias. */
export class Machine extends Construct {
  readonly stateMachine: StateMachine;
  readonly aliasArn: string;

  constructor(scope: Construct, id: string, { machine, versions, lifetime }: MachineProps) {
    super(scope, id);
    const { definition, used } = definitionOf(machine, versions);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('states.amazonaws.com') });
    role.addToPrincipalPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        // Of every version: a run that is open ends on the ones it began on, and the role is the same.
        resources: used.map(({ lambda }) => `${lambda.functionArn}:*`),
      }),
    );
    acknowledgeVersions(
      this,
      used.map(({ lambda }) => lambda),
    );
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/vendedlogs/states/${Aws.STACK_NAME}-${machine}`,
      retention: lifetime.logRetention,
      removalPolicy: lifetime.removalPolicy,
    });
    this.stateMachine = new StateMachine(this, 'StateMachine', {
      stateMachineName: machineNameOf(machine),
      definitionBody: DefinitionBody.fromString(definition),
      role,
      // Which state, when and how it ended; never what it was about.
      logs: { destination: logGroup, level: LogLevel.ALL, includeExecutionData: false },
      tracingEnabled: true,
      removalPolicy: lifetime.removalPolicy,
    });
    this.aliasArn = this.#alias(this.#version()).attrArn;
    acknowledgeAnyResource(this, 'Log delivery and X-Ray are granted on * only: neither service knows resources.');
  }

  /**
   * A version for whatever the machine says now, under an id of its own: a deployment adds one and takes none away, since
   * runs may wait for days on an older one. All go when the machine itself is deleted.
   */
  #version(): CfnStateMachineVersion {
    const resource = this.stateMachine.node.defaultChild;
    if (!(resource instanceof CfnStateMachine)) throw new Error(`${this.node.path} has no resource`);
    const version = new CfnStateMachineVersion(this, 'Version', {
      stateMachineArn: this.stateMachine.stateMachineArn,
      stateMachineRevisionId: this.stateMachine.stateMachineRevisionId,
    });
    version.applyRemovalPolicy(RemovalPolicy.RETAIN);
    const stack = Stack.of(this);
    const id = stack.getLogicalId(version);
    const { definitionString, roleArn, loggingConfiguration, tracingConfiguration } = resource;
    const said = [definitionString, roleArn, loggingConfiguration, tracingConfiguration];
    const produce = () =>
      id +
      createHash('sha256')
        .update(JSON.stringify(stack.resolve(said)))
        .digest('hex')
        .slice(0, 32);
    version.overrideLogicalId(Lazy.uncachedString({ produce }));
    return version;
  }

  #alias(version: CfnStateMachineVersion): CfnStateMachineAlias {
    return new CfnStateMachineAlias(this, 'Alias', {
      name: ALIAS,
      routingConfiguration: [{ stateMachineVersionArn: version.attrArn, weight: 100 }],
    });
  }
}
