import type { Stack } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Key } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import type { MachineName } from '../../statemachines/catalog.ts';
import { ALIAS, executionArnsOf } from './machine-names.ts';
import type { WorkQueue } from './queue.ts';

/** Least privilege by hand: each function is given the calls its adapters make, on the rows and names they make them on. */

const allow = (actions: readonly string[], resources: readonly string[]): PolicyStatement =>
  new PolicyStatement({ actions: [...actions], resources: [...resources] });

type TableAction = 'GetItem' | 'Query' | 'BatchGetItem' | 'PutItem' | 'DeleteItem' | 'BatchWriteItem';

export const tableGrant = ({ tableArn }: Table, ...actions: readonly TableAction[]): PolicyStatement =>
  allow(
    actions.map((action) => `dynamodb:${action}`),
    [tableArn],
  );

/** Lists are read from the index alone. */
export const listGrant = ({ tableArn }: Table, index: string): PolicyStatement =>
  allow(['dynamodb:Query'], [`${tableArn}/index/${index}`]);

export const streamGrant = (table: Table): PolicyStatement =>
  allow(
    ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
    table.tableStreamArn === undefined ? [] : [table.tableStreamArn],
  );

/** Kinds of write-once objects, each below `t/<tenant>/`. */
export const WORM_KINDS = ['evidence', 'seg', 'log', 'anchors', 'signature'] as const;
export type WormKind = (typeof WORM_KINDS)[number];

/** Listing is what makes S3 answer 404 for a missing object instead of AccessDenied. */
export function wormGrants(
  bucket: Bucket,
  { read, write }: { read: readonly WormKind[]; write: readonly WormKind[] },
): PolicyStatement[] {
  const below = (kinds: readonly WormKind[]) => kinds.map((kind) => bucket.arnForObjects(`t/*/${kind}/*`));
  return [
    allow(['s3:ListBucket'], [bucket.bucketArn]),
    allow(['s3:GetObject'], below(read)),
    ...(write.length > 0
      ? [allow(['s3:PutObject', 's3:GetObjectRetention', 's3:PutObjectRetention'], below(write))]
      : []),
  ];
}

/** Looking behind names: second versions, and marks of a deletion. */
export const versionsGrant = (bucket: Bucket): PolicyStatement => allow(['s3:ListBucketVersions'], [bucket.bucketArn]);

export const erasableGrants = (bucket: Bucket): PolicyStatement[] => [
  allow(['s3:ListBucket'], [bucket.bucketArn]),
  allow(['s3:GetObject', 's3:PutObject'], [bucket.arnForObjects('t/*/raw/*')]),
];

export const eraseGrants = (bucket: Bucket): PolicyStatement =>
  allow(['s3:DeleteObject'], [bucket.arnForObjects('t/*/raw/*')]);

/** Kinds of objects that are there to save time, each below `t/<tenant>/`. */
export const CACHE_KINDS = ['modules', 'tiles'] as const;
export type CacheKind = (typeof CACHE_KINDS)[number];

export function cacheGrants(bucket: Bucket, kinds: readonly CacheKind[]): PolicyStatement[] {
  const objects = kinds.map((kind) => bucket.arnForObjects(`t/*/${kind}/*`));
  return [allow(['s3:ListBucket'], [bucket.bucketArn]), allow(['s3:GetObject', 's3:PutObject'], objects)];
}

export const secretGrants = (arns: readonly string[]): PolicyStatement[] =>
  arns.length > 0 ? [allow(['secretsmanager:GetSecretValue'], arns)] : [];

export const signGrant = (keys: readonly Key[]): PolicyStatement =>
  allow(
    ['kms:GetPublicKey', 'kms:Sign'],
    keys.map(({ keyArn }) => keyArn),
  );

export const publicKeyGrant = (keys: readonly Key[]): PolicyStatement =>
  allow(
    ['kms:GetPublicKey'],
    keys.map(({ keyArn }) => keyArn),
  );

export const busGrant = (bus: EventBus): PolicyStatement => allow(['events:PutEvents'], [bus.eventBusArn]);

export const queueGrant = (queue: Queue): PolicyStatement =>
  allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:GetQueueAttributes'],
    [queue.queueArn],
  );

/** Looking at what a queue has put aside, and making it due again in the queue it came from. */
export const redriveGrants = (queues: readonly WorkQueue[]): PolicyStatement[] => [
  allow(
    ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'],
    queues.map(({ deadLetters }) => deadLetters.queueArn),
  ),
  allow(
    ['sqs:SendMessage'],
    queues.map(({ queue }) => queue.queueArn),
  ),
];

/** Starts through the alias alone: what is asked about is the machine, and the alias is its qualifier. */
export function startGrant(machineArns: readonly string[]): PolicyStatement {
  const grant = allow(['states:StartExecution'], machineArns);
  grant.addCondition('ForAnyValue:StringEquals', { 'states:StateMachineQualifier': [ALIAS] });
  return grant;
}

type ExecutionAction =
  | 'DescribeExecution'
  | 'DescribeStateMachineForExecution'
  | 'GetExecutionHistory'
  | 'StopExecution'
  | 'RedriveExecution';

export const executionGrant = (
  stack: Stack,
  machines: readonly MachineName[],
  ...actions: readonly ExecutionAction[]
): PolicyStatement =>
  allow(
    actions.map((action) => `states:${action}`),
    machines.map((machine) => executionArnsOf(stack, machine)),
  );

/** A token is answered under the machine whose task waits for it. */
export const tokenGrant = (
  machineArn: string,
  ...actions: readonly ('SendTaskSuccess' | 'SendTaskHeartbeat')[]
): PolicyStatement =>
  allow(
    actions.map((action) => `states:${action}`),
    [machineArn],
  );
