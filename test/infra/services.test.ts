import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { DESK } from '../../core/desk/answer-operator.ts';
import { EDGES } from '../../infra/functions.ts';
import { functionIdOf, MACHINES, STARTED_BY, STEPS } from '../../statemachines/catalog.ts';
import { documentWith, linesOf, resourcesOf, synthesised } from './synthesised.ts';

const {
  hosts,
  tenants: [tenant],
} = Object(documentWith({}));
const secretOf = (what: string) =>
  `arn:aws:secretsmanager:eu-central-1:111122223333:secret:relseal/acme/${what}-a1b2c3`;
/** All that can be named: a log of logs, events of ECR, a private proxy, a repository by git and where its commits are told. */
const withAll = documentWith({
  metaLog: { origin: 'ledger.example.com/all' },
  hosts: [...hosts, { host: 'git.example.com' }, { host: 'proxy.example.com' }],
  tenants: [
    {
      ...tenant,
      modules: {
        ...tenant.modules,
        credentials: [{ kind: 'bearer', host: 'proxy.example.com', token: secretOf('proxy') }],
      },
      sources: [
        ...tenant.sources,
        { provider: 'ecr', instance: '111122223333', repositories: [{ name: 'acme/sample' }] },
        {
          provider: 'gitea',
          instance: 'git.example.com',
          secrets: [secretOf('gitea')],
          repositories: [
            {
              name: 'acme/sample',
              fetch: { kind: 'git-https', url: 'https://git.example.com/acme/sample.git', password: secretOf('git') },
              status: { kind: 'gitea', url: 'https://git.example.com', token: secretOf('status') },
              reviews: { kind: 'gitea', url: 'https://git.example.com', token: secretOf('reviews') },
            },
          ],
        },
      ],
    },
  ],
});
const { services: template, state } = synthesised(withAll);
const functions = resourcesOf(template, 'AWS::Lambda::Function');
const idOf = (name: string) => {
  const found = functions.find(([id]) => id.startsWith(functionIdOf(name)));
  if (!found) throw new Error(`no function for ${name}`);
  return found;
};

/** What each function may call, in the order its grants say it; `log` is the two calls that every log needs. */
const ACTIONS: Readonly<Record<string, string>> = {
  'claim-release': 'dynamodb:GetItem',
  'append-ledger':
    'dynamodb:GetItem dynamodb:Query dynamodb:BatchGetItem dynamodb:PutItem s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  'report-status': 'keep secretsmanager:GetSecretValue',
  'fetch-source': 'keep secretsmanager:GetSecretValue',
  'verify-go-sum': 'keep dynamodb:GetItem dynamodb:Query dynamodb:PutItem secretsmanager:GetSecretValue',
  'verify-vendor': 'keep secretsmanager:GetSecretValue',
  'check-module-policy':
    'keep dynamodb:GetItem dynamodb:Query dynamodb:PutItem dynamodb:BatchWriteItem secretsmanager:GetSecretValue',
  'check-tag-signer': 'keep secretsmanager:GetSecretValue',
  'make-source-sbom': 's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  'decide-gate': 's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  'resolve-image':
    's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention secretsmanager:GetSecretValue',
  'inspect-binaries':
    's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention secretsmanager:GetSecretValue',
  'link-chain':
    'dynamodb:GetItem dynamodb:Query dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  'make-image-sbom': 's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  'sign-artifact':
    'kms:GetPublicKey kms:Sign dynamodb:GetItem dynamodb:Query s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention secretsmanager:GetSecretValue',
  'verify-signature':
    'kms:GetPublicKey s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention secretsmanager:GetSecretValue',
  'claim-promotion': 'dynamodb:GetItem dynamodb:PutItem keep',
  'check-release': 'find keep',
  'plan-promotion': 'keep secretsmanager:GetSecretValue',
  'request-approval': 'find dynamodb:PutItem dynamodb:DeleteItem states:SendTaskSuccess',
  'shift-traffic': 'append secretsmanager:GetSecretValue',
  'open-stage': 'find dynamodb:PutItem',
  'close-promotion': 'append dynamodb:DeleteItem secretsmanager:GetSecretValue',
  'start-rollback': 'dynamodb:GetItem dynamodb:PutItem states:StartExecution',
  'free-target': 'dynamodb:DeleteItem',
  'restore-revision': 'append dynamodb:DeleteItem secretsmanager:GetSecretValue',
  'publish-checkpoint': 'kms:GetPublicKey kms:Sign append',
  'audit-ledger': 'kms:GetPublicKey append s3:ListBucketVersions',
  'receive-webhook':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject secretsmanager:GetSecretValue',
  'receive-native-event':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject secretsmanager:GetSecretValue queue',
  'publish-delivery':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:Query stream events:PutEvents dynamodb:BatchGetItem s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention secretsmanager:GetSecretValue',
  'start-workflow': 'append states:StartExecution queue',
  'record-run-outcome': 'append states:DescribeExecution states:GetExecutionHistory states:StartExecution queue',
  sweep: 'append states:DescribeExecution states:GetExecutionHistory states:StartExecution states:RedriveExecution',
  'publish-log': 'dynamodb:GetItem stream states:StartExecution',
  'project-entries':
    'dynamodb:GetItem dynamodb:Query stream dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject',
  'read-log': 'dynamodb:GetItem dynamodb:Query s3:ListBucket s3:GetObject',
  'rebuild-ledger': 'find dynamodb:PutItem',
  'judge-stages': 'append dynamodb:DeleteItem states:SendTaskSuccess states:SendTaskHeartbeat',
  'answer-operator':
    'append dynamodb:DeleteItem states:DescribeExecution states:DescribeStateMachineForExecution states:GetExecutionHistory states:StartExecution states:StopExecution states:RedriveExecution states:SendTaskSuccess redrive s3:DeleteObject secretsmanager:GetSecretValue',
};
const SHORT: Readonly<Record<string, string>> = {
  keep: 's3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  find: 'dynamodb:GetItem dynamodb:Query dynamodb:BatchGetItem s3:ListBucket s3:GetObject',
  append:
    'dynamodb:GetItem dynamodb:Query dynamodb:BatchGetItem dynamodb:PutItem s3:ListBucket s3:GetObject s3:PutObject s3:GetObjectRetention s3:PutObjectRetention',
  redrive: 'sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:SendMessage',
  queue: 'sqs:ReceiveMessage sqs:DeleteMessage sqs:ChangeMessageVisibility sqs:GetQueueAttributes',
  stream: 'dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator',
};
const expanded = (text: string) => text.split(' ').flatMap((word) => (SHORT[word] ?? word).split(' '));

const policies = resourcesOf(template, 'AWS::IAM::Policy');
const linesOfFunction = (name: string) =>
  policies
    .filter(([id]) => id.startsWith(functionIdOf(name)))
    .flatMap(([, { Properties }]) => linesOf(Properties.PolicyDocument));

describe('every function', () => {
  it('is deployed, and no other', () => {
    expect(Object.keys(ACTIONS).sort()).toEqual([...STEPS, ...EDGES].sort());
    expect(functions).toHaveLength(STEPS.length + EDGES.length);
  });

  it('runs on nodejs24.x and arm64, with a log of its own', () => {
    for (const [, { Properties }] of functions)
      expect(Properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        Handler: 'index.handler',
        LoggingConfig: { LogFormat: 'JSON', LogGroup: expect.anything() },
      });
  });

  it.each(Object.entries(ACTIONS))('%s may make its own calls only', (name, actions) => {
    const found = linesOfFunction(name).flatMap((line) => line.actions);
    expect([...new Set(found)].sort()).toEqual(
      [...new Set(['logs:CreateLogStream', 'logs:PutLogEvents', ...expanded(actions)])].sort(),
    );
  });

  it('is given no wildcard action, and no resource but names below a kind or executions of a machine', () => {
    for (const name of Object.keys(ACTIONS))
      for (const { actions, resources } of linesOfFunction(name)) {
        for (const action of actions) expect(action).not.toContain('*');
        for (const resource of resources) {
          const text = JSON.stringify(resource);
          if (text.includes('*'))
            expect(text).toMatch(
              /\/t\/\*\/(evidence|seg|log|anchors|signature|raw|modules|tiles)\/\*"|:execution:.*"-[a-z-]+:\*"/,
            );
        }
      }
  });

  it('keeps fetched modules and tiles where it may lose them, and what asks for neither cannot reach them', () => {
    const cached = (name: string) => {
      const lines = linesOfFunction(name).filter(({ resources }) => /CacheBucket/.test(JSON.stringify(resources)));
      return lines.map(({ actions, resources }) => [
        ...actions,
        ...resources.flatMap((resource) => /\/t\/\*\/\w+\/\*/.exec(JSON.stringify(resource)) ?? []),
      ]);
    };
    const list = ['s3:ListBucket'];
    const both = [list, ['s3:GetObject', 's3:PutObject', '/t/*/modules/*', '/t/*/tiles/*']];
    expect(Object.fromEntries(Object.keys(ACTIONS).map((name) => [name, cached(name)]))).toEqual({
      ...Object.fromEntries(Object.keys(ACTIONS).map((name) => [name, []])),
      'verify-go-sum': both,
      'verify-vendor': [list, ['s3:GetObject', 's3:PutObject', '/t/*/modules/*']],
      'check-module-policy': both,
    });
    for (const name of ['verify-go-sum', 'verify-vendor', 'check-module-policy'])
      expect(JSON.stringify(Object(idOf(name)[1].Properties.Environment).Variables.CACHE_BUCKET_NAME)).toContain(
        'CacheBucket',
      );
  });

  it('starts machines by their alias alone, and each only those of its task', () => {
    const started = (name: string) => {
      const lines = linesOfFunction(name).filter(({ actions }) => actions.includes('states:StartExecution'));
      for (const { condition } of lines)
        expect(condition).toEqual({ 'ForAnyValue:StringEquals': { 'states:StateMachineQualifier': ['live'] } });
      return lines.flatMap(({ resources }) => resources.map((resource) => JSON.stringify(resource)));
    };
    const machine = (name: string) => expect.stringContaining(functionIdOf(name).replace(/Function$/, 'MachineState'));
    expect(started('start-workflow')).toEqual(Object.values(STARTED_BY).map(machine));
    expect(started('publish-log')).toEqual([machine('checkpoint')]);
    expect(started('record-run-outcome')).toEqual([machine('rollback')]);
    expect(started('start-rollback')).toEqual([expect.stringMatching(/:stateMachine:.*"-rollback"/)]);
    expect(started('sweep')).toEqual(MACHINES.map(machine));
    expect(started('answer-operator')).toEqual(
      MACHINES.filter((name) => !['checkpoint', 'audit'].includes(name)).map(machine),
    );
  });

  it('lets the desk list claims by their index and read views, not write them', () => {
    const may = (resource: RegExp) =>
      linesOfFunction('answer-operator')
        .filter(({ resources }) => resources.some((each) => resource.test(JSON.stringify(each))))
        .flatMap(({ actions }) => actions);
    expect(may(/ViewsTable/)).toEqual(['dynamodb:GetItem', 'dynamodb:Query']);
    expect(may(/ClaimsTable.*index\/lists"/)).toEqual(['dynamodb:Query']);
  });

  it('lets the desk look into dead letters and send into the queues they came from, not the other way round', () => {
    const resourcesFor = (action: string) =>
      linesOfFunction('answer-operator')
        .filter(({ actions }) => actions.includes(action))
        .flatMap(({ resources }) => resources.map((resource) => JSON.stringify(resource)));
    const arn = (id: string) =>
      expect.stringMatching(new RegExp(`^\\{"Fn::GetAtt":\\["${id}[0-9A-F]{8}","Arn"\\]\\}$`));
    const queues = ['StartQueue', 'OutcomeQueue', 'NativeQueue'];
    expect(resourcesFor('sqs:SendMessage')).toEqual(queues.map(arn));
    for (const action of ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'])
      expect(resourcesFor(action)).toEqual(queues.map((queue) => arn(`${queue}DeadLetters`)));
    const environment = Object(idOf('answer-operator')[1].Properties.Environment).Variables;
    for (const [kind, id] of [
      ['START', 'StartQueue'],
      ['OUTCOME', 'OutcomeQueue'],
      ['NATIVE', 'NativeQueue'],
    ]) {
      expect(environment[`${kind}_QUEUE_URL`]).toEqual({ Ref: expect.stringMatching(`^${id}[0-9A-F]{8}$`) });
      const dead = { Ref: expect.stringMatching(`^${id}DeadLetters[0-9A-F]{8}$`) };
      expect(environment[`${kind}_DEAD_LETTERS_QUEUE_URL`]).toEqual(dead);
    }
    expect(environment.QUEUE_MAX_RECEIVES).toBe('5');
  });

  it('reads of the secrets those of its own task, and what asks for modules no other', () => {
    const readers = (what: string) =>
      Object.keys(ACTIONS).filter((name) =>
        linesOfFunction(name).some(({ resources }) => resources.includes(secretOf(what))),
      );
    expect(readers('status')).toEqual(['report-status']);
    expect(readers('reviews')).toEqual(['check-module-policy']);
    expect(readers('git')).toEqual(['fetch-source', 'check-tag-signer', 'publish-delivery']);
    expect(readers('proxy')).toEqual([
      'fetch-source',
      'verify-go-sum',
      'verify-vendor',
      'check-module-policy',
      'check-tag-signer',
      'publish-delivery',
    ]);
    expect(readers('gitea')).toEqual(['receive-webhook', 'receive-native-event']);
  });

  it('redrives no machine that compensates', () => {
    const redriven = Object.keys(ACTIONS)
      .flatMap(linesOfFunction)
      .filter(({ actions }) => actions.includes('states:RedriveExecution'))
      .flatMap(({ resources }) => resources.map((resource) => JSON.stringify(resource)));
    expect(redriven).not.toHaveLength(0);
    for (const resource of redriven) expect(resource).not.toContain('-promotion:');
  });

  it('is told the alias of each machine that it starts', () => {
    const alias = (name: string) => ({
      'Fn::GetAtt': [expect.stringContaining(functionIdOf(name).replace(/Function$/, 'MachineAlias')), 'Arn'],
    });
    const variables = (name: string) =>
      z.object({ Variables: z.record(z.string(), z.json()) }).parse(idOf(name)[1].Properties.Environment).Variables;
    const releases = {
      SOURCE_RELEASE_MACHINE_ARN: alias('source-release'),
      CHANGE_CHECK_MACHINE_ARN: alias('change-check'),
      IMAGE_RELEASE_MACHINE_ARN: alias('image-release'),
    };
    const promotions = { PROMOTION_MACHINE_ARN: alias('promotion'), ROLLBACK_MACHINE_ARN: alias('rollback') };
    expect(variables('start-workflow')).toMatchObject(releases);
    expect(variables('publish-log')).toMatchObject({ CHECKPOINT_MACHINE_ARN: alias('checkpoint') });
    expect(variables('sweep')).toMatchObject({ AUDIT_MACHINE_ARN: alias('audit') });
    for (const name of ['record-run-outcome', 'sweep', 'answer-operator'])
      expect(variables(name)).toMatchObject({ ...releases, ...promotions });
    expect(JSON.stringify(variables('start-rollback').ROLLBACK_MACHINE_ARN)).toMatch(
      /:stateMachine:.*AWS::StackName.*-rollback:live/,
    );
    for (const [, { Properties }] of functions)
      for (const [key, value] of Object.entries(Object(Properties.Environment).Variables ?? {}))
        if (key.endsWith('_MACHINE_ARN')) expect(JSON.stringify(value)).toMatch(/MachineAlias|:live"/);
  });

  it('signs only where a key names its role', () => {
    const signers = Object.keys(ACTIONS).filter((name) =>
      linesOfFunction(name).some(({ actions }) => actions.includes('kms:Sign')),
    );
    expect(signers.sort()).toEqual(['publish-checkpoint', 'sign-artifact']);
  });
});

describe('the way in', () => {
  it('lets only the publisher send events', () => {
    const [[, policy] = []] = resourcesOf(template, 'AWS::Events::EventBusPolicy');
    expect(policy?.Properties.Statement).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 'events:PutEvents',
      Condition: {
        ArnNotEquals: { 'aws:PrincipalArn': { 'Fn::GetAtt': [expect.stringMatching(/^PublisherRole/), 'Arn'] } },
      },
    });
  });

  it('matches what starts releases, ends of runs that have a claim, and the configured repositories of ECR', () => {
    const patterns = resourcesOf(template, 'AWS::Events::Rule').flatMap(
      ([, { Properties }]) => Properties.EventPattern ?? [],
    );
    expect(patterns).toHaveLength(3);
    expect(patterns).toContainEqual({ source: ['relseal'], 'detail-type': Object.keys(STARTED_BY) });
    expect(patterns).toContainEqual({
      source: ['aws.states'],
      'detail-type': ['Step Functions Execution Status Change'],
      detail: {
        status: ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'],
        stateMachineArn: [
          { Ref: expect.stringMatching(/^SourceReleaseMachineStateMachine/) },
          { Ref: expect.stringMatching(/^ChangeCheckMachineStateMachine/) },
          { Ref: expect.stringMatching(/^ImageReleaseMachineStateMachine/) },
          { Ref: expect.stringMatching(/^PromotionMachineStateMachine/) },
          { Ref: expect.stringMatching(/^RollbackMachineStateMachine/) },
        ],
      },
    });
    expect(patterns).toContainEqual({
      source: ['aws.ecr'],
      'detail-type': ['ECR Image Action', 'ECR Referrer Action'],
      detail: { 'repository-name': ['acme/sample'] },
    });
  });

  it('gives each queue five tries, then its dead letters, and answers for each message', () => {
    const queues = resourcesOf(template, 'AWS::SQS::Queue');
    const working = queues.filter(([, { Properties }]) => Properties.RedrivePolicy !== undefined);
    expect(working).toHaveLength(3);
    expect(queues).toHaveLength(6);
    for (const [, { Properties }] of working) expect(Properties.RedrivePolicy).toMatchObject({ maxReceiveCount: 5 });
    const sources = resourcesOf(template, 'AWS::Lambda::EventSourceMapping');
    expect(sources).toHaveLength(6);
    for (const [, { Properties }] of sources)
      expect(Properties.FunctionResponseTypes).toEqual(['ReportBatchItemFailures']);
  });

  it('judges stages each minute', () => {
    const rules = resourcesOf(template, 'AWS::Events::Rule').map(([, { Properties }]) => Properties);
    const judging = rules.filter(({ Targets }) => JSON.stringify(Targets).includes('JudgeStagesFunction'));
    expect(judging).toMatchObject([{ ScheduleExpression: 'rate(1 minute)', State: 'ENABLED' }]);
  });

  it('lets persons ask what the desk answers, and nobody who has not signed', async () => {
    const routes = resourcesOf(template, 'AWS::ApiGatewayV2::Route').map(([, { Properties }]) => Properties);
    const open = routes.filter(({ AuthorizationType }) => AuthorizationType !== 'AWS_IAM');
    expect(open.map(({ RouteKey }) => RouteKey)).toEqual([
      'ANY /hooks/{provider}/{instance}',
      'GET /ledger/{tenant}/{path+}',
    ]);
    const signed = routes.filter(({ AuthorizationType }) => AuthorizationType === 'AWS_IAM');
    expect(signed.map(({ RouteKey }) => RouteKey)).toEqual(Object.keys(DESK).map((name) => `POST /control/${name}`));
  });

  it('logs no path of a request', () => {
    const [[, stage] = []] = resourcesOf(template, 'AWS::ApiGatewayV2::Stage');
    const { Format } = z.object({ Format: z.string() }).parse(stage?.Properties.AccessLogSettings);
    expect(Format).toContain('$context.routeKey');
    expect(Format).not.toMatch(/\$context\.(path|resourcePath|identity)/);
  });
});

describe('the alarms', () => {
  it('tell of every run that fails, times out or is stopped, and of every dead letter', () => {
    const alarms = resourcesOf(template, 'AWS::CloudWatch::Alarm').map(([, { Properties }]) => Properties);
    const count = (metric: string) => alarms.filter(({ MetricName }) => MetricName === metric).length;
    expect(count('ExecutionsFailed')).toBe(MACHINES.length);
    expect(count('ExecutionsTimedOut')).toBe(MACHINES.length);
    expect(count('ExecutionsAborted')).toBe(MACHINES.length);
    expect(count('ApproximateNumberOfMessagesVisible')).toBe(3);
    expect(count('Errors')).toBe(2);
    for (const alarm of alarms)
      expect(alarm).toMatchObject({
        Threshold: 0,
        TreatMissingData: 'notBreaching',
        AlarmActions: expect.arrayContaining([{ Ref: expect.stringMatching(/^AlarmTopic/) }]),
      });
  });

  it('wake somebody when a target may not run its stable revision', () => {
    const critical = resourcesOf(template, 'AWS::CloudWatch::Alarm').filter(([, { Properties }]) =>
      JSON.stringify(Properties.AlarmActions).includes('CriticalAlarmTopic'),
    );
    expect(critical.map(([id]) => id.slice(0, -8)).sort()).toEqual([
      'RollbackAborted',
      'RollbackFailed',
      'RollbackLate',
      'RollbackTimedOut',
    ]);
  });
});

it('names no partition, account or region', () => {
  for (const each of [template, state]) {
    const text = JSON.stringify(each.toJSON()).replaceAll(
      /arn:aws:secretsmanager:eu-central-1:111122223333:secret:[\w/+=.@-]+/g,
      '',
    );
    expect(text).not.toMatch(/arn:aws[a-z-]*:|\b\d{12}\b|[a-z]{2}-[a-z]+-\d\b/);
  }
});
