import { CloudFormationClient, CreateStackCommand, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { until } from '../../demo/cases.ts';
import type { Emulator } from './emulator.ts';
import { type Principal, signedPost } from './emulator-signed.ts';

/** A user whose one policy says which routes of an API may be asked; none at all when there are none. */
function userOf(UserName: string, routes: readonly string[]) {
  const Resource = routes.map((route) => `arn:aws:execute-api:*:*:*/*/POST/control/${route}`);
  const statement =
    routes.length > 0
      ? { Effect: 'Allow', Action: 'execute-api:Invoke', Resource }
      : { Effect: 'Deny', Action: 'execute-api:Invoke', Resource: '*' };
  const PolicyDocument = { Version: '2012-10-17', Statement: [statement] };
  return { Type: 'AWS::IAM::User', Properties: { UserName, Policies: [{ PolicyName: 'control', PolicyDocument }] } };
}

/** Not a resource of the emulator's CloudFormation, so the service itself is asked. */
async function keyOf(emulator: Emulator, user: string): Promise<Principal> {
  const url = new URL('/', emulator.client.endpoint);
  const body = `Action=CreateAccessKey&Version=2010-05-08&UserName=${user}`;
  const contentType = 'application/x-www-form-urlencoded';
  const answer = await signedPost(emulator, { url, service: 'iam', body, contentType }, emulator.client.credentials);
  const text = answer.body.toString();
  const [, accessKeyId] = /<AccessKeyId>([^<]+)</.exec(text) ?? [];
  const [, secretAccessKey] = /<SecretAccessKey>([^<]+)</.exec(text) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) throw new Error(`no key for ${user}: ${text}`);
  return { accessKeyId, secretAccessKey };
}

/** Users of the account, each with a key, who may ask for what is listed behind their name. */
export async function createPrincipals(
  emulator: Emulator,
  users: Readonly<Record<string, readonly string[]>>,
): Promise<ReadonlyMap<string, Principal>> {
  const Resources = Object.fromEntries(Object.entries(users).map(([name, routes]) => [name, userOf(name, routes)]));
  const cloudFormation = new CloudFormationClient(emulator.client);
  const StackName = 'Principals';
  await cloudFormation.send(
    new CreateStackCommand({
      StackName,
      TemplateBody: JSON.stringify({ Resources }),
      Capabilities: ['CAPABILITY_NAMED_IAM'],
    }),
  );
  await until('principals', async () => {
    const { Stacks = [] } = await cloudFormation.send(new DescribeStacksCommand({ StackName }));
    return Stacks[0]?.StackStatus === 'CREATE_COMPLETE' ? true : undefined;
  });
  const keys = new Map<string, Principal>();
  for (const name of Object.keys(users)) keys.set(name, await keyOf(emulator, name));
  return keys;
}
