import { CfnElement, Stack } from 'aws-cdk-lib';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { IConstruct } from 'constructs';
import * as z from 'zod';
import type { MachineName } from '../../statemachines/catalog.ts';
import { acknowledge } from './acknowledge.ts';

/** Every wildcard that a policy of the deployment holds, by the text cdk-nag finds it as, with its reason. */

const Imported = z.object({ 'Fn::ImportValue': z.string() });

/** How a bucket of another stack reads in this one. */
const importedArn = (stack: Stack, { stack: owner, bucketArn }: Bucket): string =>
  Imported.parse(stack.resolve(owner.exportValue(bucketArn)))['Fn::ImportValue'];

const finding = (resource: string) => `AwsSolutions-IAM5[Resource::${resource}]`;

function logicalId(stack: Stack, { node }: IConstruct): string {
  if (!CfnElement.isCfnElement(node.defaultChild)) throw new Error(`${node.path} is no resource`);
  return stack.getLogicalId(node.defaultChild);
}

const OBJECTS = 'Objects are named by tenant and content, which no policy can list beforehand.';

export function acknowledgeObjects(stack: Stack, bucket: Bucket, kinds: readonly string[]): void {
  const arn = importedArn(stack, bucket);
  for (const kind of kinds) acknowledge(stack, finding(`${arn}/t/*/${kind}/*`), OBJECTS);
}

export function acknowledgeExecutions(stack: Stack, machines: readonly MachineName[]): void {
  for (const machine of machines)
    acknowledge(
      stack,
      finding(`arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<AWS::StackName>-${machine}:*`),
      'Executions are named by their business key; the machine they belong to is named.',
    );
}

export function acknowledgeVersions(scope: IConstruct, functions: readonly IFunction[]): void {
  for (const called of functions)
    acknowledge(
      scope,
      finding(`<${logicalId(Stack.of(scope), called)}.Arn>:*`),
      'Versions are numbered as they are published; the function they are of is named.',
    );
}

export const acknowledgeAnyResource = (scope: IConstruct, reason: string): void =>
  acknowledge(scope, finding('*'), reason);

export const acknowledgeWholeBucket = (stack: Stack, bucket: Bucket, reason: string): void =>
  acknowledge(stack, finding(`<${logicalId(stack, bucket)}.Arn>/*`), reason);
