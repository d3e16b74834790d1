import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CloudFormationClient,
  CreateStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  paginateListStackResources,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation';
import { CreateBucketCommand, PutObjectCommand, PutObjectLockConfigurationCommand, S3Client } from '@aws-sdk/client-s3';
import { PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { strToU8, type Zippable, zipSync } from 'fflate';
import * as z from 'zod';
import type { Emulator } from './emulator.ts';
import { machineForEmulator } from './emulator-machines.ts';
import { type Aliases, aliasArnsIn, aliasesOf, publishVersions, statementForEmulator } from './emulator-versions.ts';

/** Deploys a synthesised stack as it is, but for what the emulator lacks; each difference is named where it is made. */

const Resource = z.looseObject({ Type: z.string(), Properties: z.record(z.string(), z.json()).default({}) });
const Template = z.looseObject({ Resources: z.record(z.string(), Resource) });
type Template = z.infer<typeof Template>;

const Assets = z.object({
  files: z.record(
    z.string(),
    z.object({
      source: z.object({ path: z.string(), packaging: z.string() }),
      destinations: z.record(z.string(), z.object({ bucketName: z.string(), objectKey: z.string() })),
    }),
  ),
});

/** Keeps the name of a thrown error, as the Node.js runtime of Lambda does and the emulator's own does not. */
const BOOTSTRAP = `#!/usr/bin/env node
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime';
const failed = (e) => JSON.stringify({ errorType: e?.name || 'Error', errorMessage: String(e?.message ?? e), trace: String(e?.stack ?? '').split('\\n') });
const post = (path, body) => fetch(api + path, { method: 'POST', body });
(async () => {
  let handler;
  try {
    ({ handler } = await import('file://' + process.env.LAMBDA_TASK_ROOT + '/index.mjs'));
  } catch (e) {
    await post('/init/error', failed(e));
    process.exit(1);
  }
  for (;;) {
    const next = await fetch(api + '/invocation/next');
    const header = (name) => next.headers.get('lambda-runtime-' + name);
    const id = header('aws-request-id');
    const context = { awsRequestId: id, functionName: process.env.AWS_LAMBDA_FUNCTION_NAME, getRemainingTimeInMillis: () => Number(header('deadline-ms')) - Date.now() };
    try {
      await post('/invocation/' + id + '/response', JSON.stringify((await handler(await next.json(), context)) ?? null));
    } catch (e) {
      await post('/invocation/' + id + '/error', failed(e));
    }
  }
})();
`;

function folderOf(root: string, under = ''): Zippable {
  const files: Zippable = {};
  for (const entry of readdirSync(join(root, under), { withFileTypes: true })) {
    const name = join(under, entry.name);
    if (entry.isDirectory()) Object.assign(files, folderOf(root, name));
    else files[name] = readFileSync(join(root, name));
  }
  return files;
}

async function uploadAssets(emulator: Emulator, s3: S3Client, cloudAssembly: string, stack: string): Promise<void> {
  const { files } = Assets.parse(JSON.parse(readFileSync(join(cloudAssembly, `${stack}.assets.json`), 'utf8')));
  for (const { source, destinations } of Object.values(files)) {
    if (source.packaging !== 'zip') continue;
    const bootstrap: Zippable[string] = [strToU8(BOOTSTRAP), { os: 3, attrs: (0o755 << 16) >>> 0 }];
    const Body = zipSync({ ...folderOf(join(cloudAssembly, source.path)), bootstrap }, { level: 1 });
    for (const { bucketName, objectKey } of Object.values(destinations)) {
      const Bucket = bucketName
        .replace('${AWS::AccountId}', emulator.account)
        .replace('${AWS::Region}', emulator.client.region);
      await s3.send(new CreateBucketCommand({ Bucket })).catch(() => undefined);
      await s3.send(new PutObjectCommand({ Bucket, Key: objectKey, Body }));
    }
  }
}

const PolicyDocument = z.looseObject({ Statement: z.array(z.json()) });

/**
 * The emulator speaks plain HTTP on loopback, which every `aws:SecureTransport` statement denies; of Step Functions see
 * `statementForEmulator`.
 */
function adaptPolicy(properties: z.infer<typeof Resource>['Properties']): void {
  const document = PolicyDocument.safeParse(properties.PolicyDocument);
  if (!document.success) return;
  const kept = document.data.Statement.filter(
    (statement) => !JSON.stringify(statement).includes('aws:SecureTransport'),
  ).map(statementForEmulator);
  properties.PolicyDocument = z.json().parse({ ...document.data, Statement: kept });
}

const KeyStatement = z.looseObject({ Effect: z.string(), Condition: z.json().optional() });
const ByRole = z.object({
  ArnNotEquals: z.object({ 'aws:PrincipalArn': z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.literal('Arn')]) }) }),
});

/** On AWS the ARN of whoever took a role is the role's own; on the emulator it is the session's. */
function bySession(account: string, condition: unknown): z.infer<typeof KeyStatement>['Condition'] {
  const role = ByRole.safeParse(condition).data?.ArnNotEquals['aws:PrincipalArn']['Fn::GetAtt'][0];
  if (role === undefined) return z.json().optional().parse(condition);
  const session = { 'Fn::Join': ['', [`arn:aws:sts::${account}:assumed-role/`, { Ref: role }, '/*']] };
  return { ArnNotLike: { 'aws:PrincipalArn': session } };
}

/** The emulator gives a key policy no `kms:` condition keys, so whatever asks for them denies; the rest is evaluated. */
function adaptKeyPolicy(account: string, properties: z.infer<typeof Resource>['Properties']): void {
  const document = PolicyDocument.parse(properties.KeyPolicy);
  const statements = document.Statement.flatMap((statement) => {
    const { Condition, ...rest } = KeyStatement.parse(statement);
    if (Condition === undefined) return [statement];
    if (!JSON.stringify(Condition).includes('"kms:'))
      return [z.json().parse({ ...rest, Condition: bySession(account, Condition) })];
    return rest.Effect === 'Allow' ? [z.json().parse(rest)] : [];
  });
  properties.KeyPolicy = z.json().parse({ ...document, Statement: statements });
}

/** What is changed for the emulator, and nothing else. */
function adapted(account: string, synthesised: Template, aliases: Aliases): Template {
  const template = Template.parse(aliasArnsIn(z.json().parse(synthesised), aliases));
  for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
    if (/^AWS::StepFunctions::StateMachine(?:Alias|Version)$/.test(Type)) delete template.Resources[id];
    if (Type === 'AWS::Lambda::Function') Properties.Runtime = 'provided.al2023';
    // Not a type of its; who may send events is asserted on the template.
    if (Type === 'AWS::Events::EventBusPolicy') delete template.Resources[id];
    if (Type === 'AWS::KMS::Key') adaptKeyPolicy(account, Properties);
    if (Type === 'AWS::StepFunctions::StateMachine')
      Properties.DefinitionString = z.json().parse(machineForEmulator(Properties.DefinitionString));
    adaptPolicy(Properties);
  }
  for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
    const document = PolicyDocument.safeParse(Properties.PolicyDocument);
    if (/^AWS::\w+::\w*Policy$/.test(Type) && document.success && document.data.Statement.length === 0)
      delete template.Resources[id];
  }
  return template;
}

async function waitFor(cloudFormation: CloudFormationClient, stack: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
    const status = Stacks[0]?.StackStatus ?? '';
    if (status === 'CREATE_COMPLETE' || status === 'UPDATE_COMPLETE') return;
    if (status !== '' && !status.includes('IN_PROGRESS')) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  const { StackEvents = [] } = await cloudFormation.send(new DescribeStackEventsCommand({ StackName: stack }));
  const failures = StackEvents.filter(({ ResourceStatus = '' }) => ResourceStatus.includes('FAILED'));
  throw new Error(
    failures.map((event) => `${event.LogicalResourceId}: ${event.ResourceStatusReason}`).join('\n') || 'no stack',
  );
}

/** A page of the list has a hundred. */
async function physicalIds(client: CloudFormationClient, StackName: string): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for await (const { StackResourceSummaries = [] } of paginateListStackResources({ client }, { StackName }))
    for (const { LogicalResourceId = '', PhysicalResourceId = '' } of StackResourceSummaries)
      found[LogicalResourceId] = PhysicalResourceId;
  return found;
}

export interface DeployedStack {
  readonly outputs: Readonly<Record<string, string>>;
  /** Physical ids by logical id. */
  readonly resources: Readonly<Record<string, string>>;
}

/** Deploys one stack of a cloud assembly; over an earlier deployment of it when there is one. */
export async function deployStack(emulator: Emulator, cloudAssembly: string, stack: string): Promise<DeployedStack> {
  const { client } = emulator;
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  const cloudFormation = new CloudFormationClient(client);
  await new SSMClient(client).send(
    new PutParameterCommand({
      Name: '/cdk-bootstrap/hnb659fds/version',
      Value: '30',
      Type: 'String',
      Overwrite: true,
    }),
  );
  await uploadAssets(emulator, s3, cloudAssembly, stack);
  const synthesised = Template.parse(JSON.parse(readFileSync(join(cloudAssembly, `${stack}.template.json`), 'utf8')));
  const aliases = aliasesOf(synthesised);
  const template = adapted(emulator.account, synthesised, aliases);
  // Above the 51,200 bytes of a body, as on AWS.
  const Bucket = 'templates';
  await s3.send(new CreateBucketCommand({ Bucket })).catch(() => undefined);
  await s3.send(new PutObjectCommand({ Bucket, Key: `${stack}.json`, Body: JSON.stringify(template) }));
  const asked = {
    StackName: stack,
    TemplateURL: `${client.endpoint}/${Bucket}/${stack}.json`,
    Capabilities: ['CAPABILITY_IAM' as const, 'CAPABILITY_NAMED_IAM' as const],
  };
  const known = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack })).catch(() => undefined);
  await cloudFormation.send(known ? new UpdateStackCommand(asked) : new CreateStackCommand(asked));
  await waitFor(cloudFormation, stack);
  const resources = await physicalIds(cloudFormation, stack);
  await lockBuckets(s3, template, resources);
  await publishVersions(emulator, aliases, (id) => resources[id] ?? '');
  const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName: stack }));
  const outputs = Stacks[0]?.Outputs ?? [];
  return {
    resources,
    outputs: Object.fromEntries(outputs.map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue])),
  };
}

const LockedBucket = z.object({
  ObjectLockEnabled: z.literal(true),
  ObjectLockConfiguration: z.object({
    Rule: z.object({
      DefaultRetention: z.object({ Mode: z.enum(['COMPLIANCE', 'GOVERNANCE']), Days: z.number() }),
    }),
  }),
});

/** The emulator's CloudFormation ignores Object Lock; the very settings of the template are put here. */
async function lockBuckets(s3: S3Client, template: Template, resources: Readonly<Record<string, string>>) {
  for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
    const locked = Type === 'AWS::S3::Bucket' ? LockedBucket.safeParse(Properties).data : undefined;
    if (!locked) continue;
    await s3.send(
      new PutObjectLockConfigurationCommand({
        Bucket: resources[id],
        ObjectLockConfiguration: {
          ObjectLockEnabled: 'Enabled',
          Rule: locked.ObjectLockConfiguration.Rule,
        },
      }),
    );
  }
}
