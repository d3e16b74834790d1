import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { EventBus, Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { AnyPrincipal, Effect, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { type Code, EventSourceMapping, StartingPosition, type Version } from 'aws-cdk-lib/aws-lambda';
import type { Construct } from 'constructs';
import { functionIdOf, type MachineName, STARTED_BY, STEPS } from '../../statemachines/catalog.ts';
import type { Configuration } from '../configuration.ts';
import { alarmsOn } from '../constructs/alarms.ts';
import { CACHE_KINDS, queueGrant, WORM_KINDS } from '../constructs/grants.ts';
import { hookApi } from '../constructs/hook-api.ts';
import { Machine } from '../constructs/machine.ts';
import { WorkQueue } from '../constructs/queue.ts';
import { functionRole, type Lifetime, lifetimeOf, RelsealFunction } from '../constructs/relseal-function.ts';
import { acknowledgeExecutions, acknowledgeObjects } from '../constructs/wildcards.ts';
import type { FunctionSpec } from '../function-spec.ts';
import {
  CLAIMED_MACHINES,
  CONSUMER_SECONDS,
  type ConsumerName,
  type EdgeName,
  edgeSpecs,
  type Queues,
  stepSpecs,
} from '../functions.ts';
import type { StatefulStack } from './stateful.ts';

export interface StatelessProps extends StackProps {
  readonly configuration: Configuration;
  readonly state: StatefulStack;
  /** The bundle of a function by its folder's name. */
  readonly codeOf: (name: string) => Code;
}

/** Everything that can be made anew from code: functions, machines, bus, queues, rules, the HTTP API, alarms. */
export class StatelessStack extends Stack {
  readonly #lifetime: Lifetime;
  readonly #codeOf: (name: string) => Code;

  constructor(scope: Construct, id: string, { configuration, state, codeOf, ...props }: StatelessProps) {
    super(scope, id, props);
    this.#lifetime = lifetimeOf(configuration.production);
    this.#codeOf = codeOf;
    const steps = this.#steps(stepSpecs(this, state, configuration));
    const machines = this.#machines(steps);
    const publisherRole = functionRole(this, 'PublisherRole');
    const bus = this.#bus(publisherRole);
    const queues = this.#queues();
    const edge = this.#edges(edgeSpecs(state, configuration, { stack: this, bus, queues, publisherRole, machines }));
    this.#consume(queues, edge);
    this.#releaseRule(bus, queues['start-workflow']);
    this.#outcomeRule(machines, queues['record-run-outcome']);
    this.#nativeRule(configuration, queues['receive-native-event']);
    this.#streams(state, edge);
    this.#schedules(edge);
    const api = hookApi(this, {
      receive: edge['receive-webhook'].lambda,
      read: edge['read-log'].lambda,
      answer: edge['answer-operator'].lambda,
      lifetime: this.#lifetime,
    });
    const restore = steps.get(functionIdOf('restore-revision'))?.lambda;
    if (!restore) throw new Error('nothing takes a target back');
    alarmsOn(this, { machines, queues: Object.values(queues), judge: edge['judge-stages'].lambda, restore });
    acknowledgeObjects(this, state.worm, WORM_KINDS);
    acknowledgeObjects(this, state.erasable, ['raw']);
    acknowledgeObjects(this, state.cache, CACHE_KINDS);
    acknowledgeExecutions(this, CLAIMED_MACHINES);
    new CfnOutput(this, 'RebuildFunction', {
      value: edge['rebuild-ledger'].lambda.functionName,
      description: 'What an operator calls when the table of the ledger was lost or restored',
    });
    new CfnOutput(this, 'HookUrl', { value: api.apiEndpoint, description: 'POST <url>/hooks/<provider>/<instance>' });
  }

  #function(name: string, spec: FunctionSpec): RelsealFunction {
    return new RelsealFunction(this, { ...spec, name, code: this.#codeOf(name), lifetime: this.#lifetime });
  }

  /** By placeholder; machines name versions, so that a run ends on the code it began on. */
  #steps(specs: ReturnType<typeof stepSpecs>): ReadonlyMap<string, Version> {
    return new Map(STEPS.map((step) => [functionIdOf(step), this.#function(step, specs[step]).lambda.currentVersion]));
  }

  #machines(versions: ReadonlyMap<string, Version>): Readonly<Record<MachineName, Machine>> {
    const machine = (id: string, name: MachineName) =>
      new Machine(this, id, { machine: name, versions, lifetime: this.#lifetime });
    return {
      'source-release': machine('SourceReleaseMachine', 'source-release'),
      'change-check': machine('ChangeCheckMachine', 'change-check'),
      'image-release': machine('ImageReleaseMachine', 'image-release'),
      promotion: machine('PromotionMachine', 'promotion'),
      rollback: machine('RollbackMachine', 'rollback'),
      checkpoint: machine('CheckpointMachine', 'checkpoint'),
      audit: machine('AuditMachine', 'audit'),
    };
  }

  /** Events are pointers, and only the publisher may send them. */
  #bus(publisherRole: Role): EventBus {
    const bus = new EventBus(this, 'Bus', {
      description: 'Relseal: events of releases, sent by publish-delivery alone',
    });
    bus.addToResourcePolicy(
      new PolicyStatement({
        sid: 'OnlyThePublisher',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['events:PutEvents'],
        resources: [bus.eventBusArn],
        conditions: { ArnNotEquals: { 'aws:PrincipalArn': publisherRole.roleArn } },
      }),
    );
    return bus;
  }

  #edges(specs: Readonly<Record<EdgeName, FunctionSpec>>): Readonly<Record<EdgeName, RelsealFunction>> {
    const made = (name: EdgeName) => this.#function(name, specs[name]);
    return {
      'receive-webhook': made('receive-webhook'),
      'receive-native-event': made('receive-native-event'),
      'publish-delivery': made('publish-delivery'),
      'start-workflow': made('start-workflow'),
      'record-run-outcome': made('record-run-outcome'),
      sweep: made('sweep'),
      'publish-log': made('publish-log'),
      'project-entries': made('project-entries'),
      'read-log': made('read-log'),
      'judge-stages': made('judge-stages'),
      'answer-operator': made('answer-operator'),
      'rebuild-ledger': made('rebuild-ledger'),
    };
  }

  #queues(): Queues {
    const queue = (id: string, consumer: ConsumerName) => new WorkQueue(this, id, CONSUMER_SECONDS[consumer]);
    return {
      'start-workflow': queue('StartQueue', 'start-workflow'),
      'record-run-outcome': queue('OutcomeQueue', 'record-run-outcome'),
      'receive-native-event': queue('NativeQueue', 'receive-native-event'),
    };
  }

  /** Each queue is emptied by its function, which answers for each message. */
  #consume(queues: Queues, edge: Readonly<Record<ConsumerName, RelsealFunction>>): void {
    const consume = (name: ConsumerName) => {
      const { lambda, role } = edge[name];
      const { queue } = queues[name];
      role.addToPrincipalPolicy(queueGrant(queue));
      new EventSourceMapping(edge[name], 'Queue', {
        target: lambda,
        eventSourceArn: queue.queueArn,
        batchSize: 10,
        reportBatchItemFailures: true,
        maxConcurrency: 10,
      }).node.addDependency(role);
    };
    consume('start-workflow');
    consume('record-run-outcome');
    consume('receive-native-event');
  }

  #releaseRule(eventBus: EventBus, { queue, deadLetters: deadLetterQueue }: WorkQueue): void {
    new Rule(this, 'ReleaseRule', {
      eventBus,
      description: 'What starts a release',
      eventPattern: { source: ['relseal'], detailType: Object.keys(STARTED_BY) },
      targets: [new SqsQueue(queue, { deadLetterQueue })],
    });
  }

  /** Ends of runs that no run sees itself. */
  #outcomeRule(
    machines: Readonly<Record<MachineName, Machine>>,
    { queue, deadLetters: deadLetterQueue }: WorkQueue,
  ): void {
    new Rule(this, 'OutcomeRule', {
      description: 'Ends of runs that have a claim',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
          // The event names the machine itself, whatever alias started the run.
          stateMachineArn: CLAIMED_MACHINES.map((name) => machines[name].stateMachine.stateMachineArn),
        },
      },
      targets: [new SqsQueue(queue, { deadLetterQueue })],
    });
  }

  #nativeRule({ ecrRepositories }: Configuration, { queue, deadLetters: deadLetterQueue }: WorkQueue): void {
    if (ecrRepositories.length === 0) return;
    new Rule(this, 'EcrRule', {
      description: 'Pushes to repositories of ECR that are configured',
      eventPattern: {
        source: ['aws.ecr'],
        detailType: ['ECR Image Action', 'ECR Referrer Action'],
        detail: { 'repository-name': [...ecrRepositories] },
      },
      targets: [new SqsQueue(queue, { deadLetterQueue })],
    });
  }

  #streams(state: StatefulStack, edge: Readonly<Record<EdgeName, RelsealFunction>>): void {
    const inserted = { eventName: ['INSERT'], dynamodb: { Keys: { pk: { S: [{ prefix: 'DELIVERY#' }] } } } };
    const heads = { dynamodb: { Keys: { pk: { S: [{ prefix: 'HEAD#' }] } } } };
    this.#stream(state.deliveries, edge['publish-delivery'], inserted, 0);
    // A second of commits is one checkpoint.
    this.#stream(state.ledger, edge['publish-log'], heads, 1);
    this.#stream(state.ledger, edge['project-entries'], heads, 1);
  }

  /** What a stream could not hand over comes again by schedule, so it gives up after a few tries. */
  #stream(table: Table, { lambda, role }: RelsealFunction, pattern: object, windowSeconds: number): void {
    if (table.tableStreamArn === undefined) throw new Error(`${table.node.path} has no stream`);
    new EventSourceMapping(lambda, 'Stream', {
      target: lambda,
      eventSourceArn: table.tableStreamArn,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 10,
      maxBatchingWindow: Duration.seconds(windowSeconds),
      reportBatchItemFailures: true,
      retryAttempts: 3,
      filters: [{ pattern: JSON.stringify(pattern) }],
    }).node.addDependency(role);
  }

  #schedules(edge: Readonly<Record<EdgeName, RelsealFunction>>): void {
    const every = (id: string, minutes: number, { lambda }: RelsealFunction, description: string) =>
      new Rule(this, id, {
        description,
        schedule: Schedule.rate(Duration.minutes(minutes)),
        targets: [new LambdaTarget(lambda, { retryAttempts: 0 })],
      });
    every('JudgeSchedule', 1, edge['judge-stages'], 'Stages of promotions that wait for a verdict');
    every('DueSchedule', 1, edge['publish-delivery'], 'Deliveries that are due again');
    every('SweepSchedule', 5, edge.sweep, 'Runs and logs that no event told of');
  }
}
