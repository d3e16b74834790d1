import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { EDGES } from '../../infra/functions.ts';
import { functionIdOf, MACHINES, STARTED_BY, STEPS } from '../../statemachines/catalog.ts';
import { documentWith, linesOf, resourcesOf, synthesised } from './synthesised.ts';

const [tenant] = Object(documentWith({})).tenants;
const withEcr = documentWith({
  tenants: [
    {
      ...tenant,
      sources: [
        ...tenant.sources,
        { provider: 'ecr', instance: '111122223333', repositories: [{ name: 'acme/sample' }] },
      ],
    },
  ],
});
const { services: template, state } = synthesised(withEcr);
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
    'dynamodb:GetItem dynamodb:Query dynamodb:BatchGetItem dynamodb:PutItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'fetch-source': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'verify-go-sum': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention dynamodb:GetItem dynamodb:PutItem',
  'make-source-sbom': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'decide-gate': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'resolve-image': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention secretsmanager:GetSecretValue',
  'inspect-binaries': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention secretsmanager:GetSecretValue',
  'link-chain':
    'dynamodb:GetItem dynamodb:Query dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'make-image-sbom': 's3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'sign-artifact':
    'kms:GetPublicKey kms:Sign dynamodb:GetItem dynamodb:Query s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention secretsmanager:GetSecretValue',
  'verify-signature':
    'kms:GetPublicKey s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention secretsmanager:GetSecretValue',
  'publish-checkpoint':
    'kms:GetPublicKey kms:Sign dynamodb:GetItem dynamodb:Query dynamodb:PutItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'receive-webhook':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject secretsmanager:GetSecretValue',
  'receive-native-event':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject s3:PutObject secretsmanager:GetSecretValue queue',
  'publish-delivery':
    'dynamodb:GetItem dynamodb:PutItem dynamodb:Query stream events:PutEvents dynamodb:BatchGetItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention secretsmanager:GetSecretValue',
  'start-workflow': 'dynamodb:GetItem dynamodb:PutItem states:StartExecution queue',
  'record-run-outcome':
    'dynamodb:GetItem dynamodb:PutItem states:DescribeExecution states:GetExecutionHistory dynamodb:Query dynamodb:BatchGetItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention queue',
  sweep:
    'dynamodb:GetItem dynamodb:PutItem dynamodb:Query states:DescribeExecution states:GetExecutionHistory states:StartExecution dynamodb:BatchGetItem s3:ListBucket s3:GetObject s3:PutObject s3:PutObjectRetention',
  'publish-log': 'dynamodb:GetItem stream states:StartExecution',
  'project-entries':
    'dynamodb:GetItem dynamodb:Query stream dynamodb:PutItem dynamodb:BatchWriteItem s3:ListBucket s3:GetObject',
  'read-log': 'dynamodb:GetItem dynamodb:Query s3:ListBucket s3:GetObject',
};
const SHORT: Readonly<Record<string, string>> = {
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
            expect(text).toMatch(/\/t\/\*\/(evidence|seg|log|signature|raw)\/\*"|:execution:.*":\*"/);
        }
      }
  });

  it('signs only where a key names its role', () => {
    const signers = Object.keys(ACTIONS).filter((name) =>
      linesOfFunction(name).some(({ actions }) => actions.includes('kms:Sign')),
    );
    expect(signers.sort()).toEqual(['publish-checkpoint', 'sign-artifact']);
  });
});

const Definition = z.object({
  Properties: z.object({
    DefinitionString: z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.json())]) }),
    LoggingConfiguration: z.object({ IncludeExecutionData: z.literal(false), Level: z.literal('ALL') }),
    TracingConfiguration: z.object({ Enabled: z.literal(true) }),
  }),
});

describe('every machine', () => {
  const machines = resourcesOf(template, 'AWS::StepFunctions::StateMachine');

  it('is its file, with versions of its own functions filled in, and logs no data', () => {
    expect(machines).toHaveLength(MACHINES.length);
    for (const machine of MACHINES) {
      const [, resource] =
        machines.find(([id]) => id.startsWith(functionIdOf(machine).replace(/Function$/, 'Machine'))) ?? [];
      const [, parts] = Definition.parse(resource).Properties.DefinitionString['Fn::Join'];
      const file = readFileSync(new URL(`../../statemachines/${machine}.asl.json`, import.meta.url), 'utf8');
      const texts = parts.filter((part) => typeof part === 'string');
      for (const text of texts) expect(file).toContain(text);
      const references = parts.filter((part) => typeof part !== 'string').map((part) => Object(part).Ref);
      const wanted = [...file.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name);
      expect(references).toEqual(
        wanted.map((name) =>
          name === 'Partition' ? 'AWS::Partition' : expect.stringMatching(new RegExp(`^${name}LambdaCurrentVersion`)),
        ),
      );
    }
  });

  it('may invoke only the versions it names', () => {
    for (const machine of MACHINES) {
      const id = functionIdOf(machine).replace(/Function$/, 'Machine');
      const lines = policies
        .filter(([policy]) => policy.startsWith(id))
        .flatMap(([, { Properties }]) => linesOf(Properties.PolicyDocument));
      const invoked = lines.filter(({ actions }) => actions.includes('lambda:InvokeFunction'));
      expect(invoked).toHaveLength(1);
      for (const resource of invoked[0]?.resources ?? []) expect(Object(resource).Ref).toMatch(/CurrentVersion/);
    }
  });

  it('gives each step more time than its function has', () => {
    const Task = z.object({
      TimeoutSeconds: z.number(),
      Arguments: z.object({ Payload: z.object({ step: z.string() }) }),
    });
    const tasks = (value: unknown): z.infer<typeof Task>[] => {
      const task = Task.safeParse(value);
      if (task.success) return [task.data];
      return typeof value === 'object' && value !== null ? Object.values(value).flatMap(tasks) : [];
    };
    for (const machine of MACHINES) {
      const file = JSON.parse(
        readFileSync(new URL(`../../statemachines/${machine}.asl.json`, import.meta.url), 'utf8'),
      );
      const found = tasks(file);
      expect(found.length).toBeGreaterThan(0);
      for (const { TimeoutSeconds, Arguments } of found)
        expect(Number(idOf(Arguments.Payload.step)[1].Properties.Timeout), Arguments.Payload.step).toBeLessThan(
          TimeoutSeconds,
        );
    }
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

  it('matches what starts releases, ends of release runs, and the configured repositories of ECR', () => {
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
          { Ref: expect.stringMatching(/^SourceReleaseMachine/) },
          { Ref: expect.stringMatching(/^ImageReleaseMachine/) },
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
    for (const alarm of alarms)
      expect(alarm).toMatchObject({
        Threshold: 0,
        TreatMissingData: 'notBreaching',
        AlarmActions: [expect.anything()],
      });
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
