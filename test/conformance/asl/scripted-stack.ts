import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation';
import { buildSync } from 'esbuild';
import * as z from 'zod';

/** The stack that the corpus needs: the scripted function, and a role for it and for the machines that call it. */

export const STACK_NAME = 'relseal-asl-corpus';
/** Machines are called so, each with a number after it. */
export const MACHINE_PREFIX = 'relseal-asl-';

/** A bundle of one of our files, as text. `external`: what the runtime brings itself. */
export function bundleOf(file: string, options: { external?: string[]; banner?: string } = {}): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL(file, import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    legalComments: 'none',
    logLevel: 'warning',
    external: options.external ?? [],
    banner: { js: options.banner ?? '' },
  });
  return outputFiles[0]?.text ?? '';
}

export interface FunctionCode {
  readonly Runtime: string;
  readonly Code: { readonly ZipFile: string } | { readonly S3Bucket: string; readonly S3Key: string };
}

const statement = (Action: string[], Resource: unknown) => ({ Effect: 'Allow', Action, Resource });

const templateOf = (code: FunctionCode) => ({
  Resources: {
    Role: {
      Type: 'AWS::IAM::Role',
      Properties: {
        AssumeRolePolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            {
              Effect: 'Allow',
              Principal: { Service: ['lambda.amazonaws.com', 'states.amazonaws.com'] },
              Action: 'sts:AssumeRole',
            },
          ],
        },
      },
    },
    Function: {
      Type: 'AWS::Lambda::Function',
      Properties: {
        ...code,
        Handler: 'index.handler',
        Role: { 'Fn::GetAtt': ['Role', 'Arn'] },
        Timeout: 60,
        MemorySize: 256,
      },
    },
    Policy: {
      Type: 'AWS::IAM::Policy',
      Properties: {
        PolicyName: 'corpus',
        Roles: [{ Ref: 'Role' }],
        PolicyDocument: {
          Version: '2012-10-17',
          Statement: [
            statement(['lambda:InvokeFunction'], { 'Fn::GetAtt': ['Function', 'Arn'] }),
            // A token is of no resource: who holds it may answer it.
            statement(['states:SendTaskSuccess', 'states:SendTaskFailure', 'states:SendTaskHeartbeat'], '*'),
          ],
        },
      },
    },
  },
  Outputs: {
    Role: { Value: { 'Fn::GetAtt': ['Role', 'Arn'] } },
    Function: { Value: { 'Fn::GetAtt': ['Function', 'Arn'] } },
  },
});

const Outputs = z.object({ Role: z.string(), Function: z.string() });

/** Creates the stack and answers the ARNs of its role and its function. */
export async function createScriptedStack(client: CloudFormationClient, code: FunctionCode) {
  const StackName = STACK_NAME;
  const TemplateBody = JSON.stringify(templateOf(code));
  await client.send(new CreateStackCommand({ StackName, TemplateBody, Capabilities: ['CAPABILITY_IAM'] }));
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const { Stacks: [stack] = [] } = await client.send(new DescribeStacksCommand({ StackName }));
    if (stack?.StackStatus === 'CREATE_COMPLETE') {
      const values = (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue }) => [OutputKey, OutputValue]);
      const { Role: roleArn, Function: functionArn } = Outputs.parse(Object.fromEntries(values));
      return { roleArn, functionArn };
    }
    if (stack && !stack.StackStatus?.includes('IN_PROGRESS')) break;
    await delay(500);
  }
  const { StackEvents = [] } = await client.send(new DescribeStackEventsCommand({ StackName }));
  throw new Error(StackEvents.map(({ ResourceStatusReason }) => ResourceStatusReason ?? '').join('\n'));
}

export const deleteScriptedStack = (client: CloudFormationClient) =>
  client.send(new DeleteStackCommand({ StackName: STACK_NAME }));
