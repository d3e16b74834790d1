import {
  CreateStateMachineAliasCommand,
  PublishStateMachineVersionCommand,
  SFNClient,
  UpdateStateMachineAliasCommand,
} from '@aws-sdk/client-sfn';
import * as z from 'zod';
import type { Emulator } from './emulator.ts';

/**
 * The emulator's Step Functions has versions and aliases and its CloudFormation has not, so the template's are taken out
 * and made by the service itself. An alias there starts what the machine says now, which after a deployment is what its
 * newest version says; a run that is open keeps the definition it began with.
 */

const Reference = z.object({ Ref: z.string() });
const Attribute = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) });
const Alias = z.object({
  Type: z.literal('AWS::StepFunctions::StateMachineAlias'),
  Properties: z.object({
    Name: z.string(),
    RoutingConfiguration: z.tuple([z.object({ StateMachineVersionArn: Attribute, Weight: z.literal(100) })]),
  }),
});
const Version = z.object({
  Type: z.literal('AWS::StepFunctions::StateMachineVersion'),
  Properties: z.object({ StateMachineArn: Reference }),
});

interface Template {
  readonly Resources: Readonly<Record<string, { readonly Type: string }>>;
}

/** An alias by its own id: its name, and the machine it leads to by the machine's id. */
export type Aliases = ReadonlyMap<string, { readonly name: string; readonly machine: string }>;

export function aliasesOf({ Resources }: Template): Aliases {
  const found = new Map<string, { name: string; machine: string }>();
  for (const [id, resource] of Object.entries(Resources)) {
    const alias = Alias.safeParse(resource).data?.Properties;
    if (!alias) continue;
    const [{ StateMachineVersionArn }] = alias.RoutingConfiguration;
    const version = Version.parse(Resources[StateMachineVersionArn['Fn::GetAtt'][0]]);
    found.set(id, { name: alias.Name, machine: version.Properties.StateMachineArn.Ref });
  }
  return found;
}

/** The same value with every alias written as what its ARN will be. */
export function aliasArnsIn(value: z.core.util.JSONType, aliases: Aliases): z.core.util.JSONType {
  const alias = aliases.get(Attribute.safeParse(value).data?.['Fn::GetAtt'][0] ?? '');
  if (alias) return { 'Fn::Join': ['', [{ Ref: alias.machine }, `:${alias.name}`]] };
  if (Array.isArray(value)) return value.map((item) => aliasArnsIn(item, aliases));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, aliasArnsIn(item, aliases)]));
}

/** Publishes what each machine says now and leads its alias there. */
export async function publishVersions(
  { client }: Emulator,
  aliases: Aliases,
  physical: (id: string) => string,
): Promise<void> {
  const sfn = new SFNClient(client);
  for (const { name, machine } of aliases.values()) {
    const stateMachineArn = physical(machine);
    const { stateMachineVersionArn } = await sfn.send(new PublishStateMachineVersionCommand({ stateMachineArn }));
    const routingConfiguration = [{ stateMachineVersionArn, weight: 100 }];
    await sfn.send(new CreateStateMachineAliasCommand({ name, routingConfiguration })).catch(() =>
      sfn.send(
        new UpdateStateMachineAliasCommand({
          stateMachineAliasArn: `${stateMachineArn}:${name}`,
          routingConfiguration,
        }),
      ),
    );
  }
}

const Statement = z.looseObject({ Action: z.union([z.string(), z.array(z.string())]), Resource: z.json() });

/**
 * Step Functions asks policies about the machine, of which the alias is a qualifier; the emulator asks about the alias, and
 * about no machine at all when a token is answered. SQS asks about a batch as about one message; the emulator by its own name.
 */
export function statementForEmulator(statement: z.core.util.JSONType): z.core.util.JSONType {
  const read = Statement.safeParse(statement);
  if (!read.success) return statement;
  const { Condition, Resource, ...rest } = read.data;
  const actions = [rest.Action].flat();
  if (actions.includes('sqs:ChangeMessageVisibility'))
    return z.json().parse({ ...read.data, Action: [...actions, 'sqs:ChangeMessageVisibilityBatch'] });
  if (actions.some((action) => action.startsWith('states:SendTask'))) return z.json().parse({ ...rest, Resource: '*' });
  if (!actions.includes('states:StartExecution') || Condition === undefined) return statement;
  const through = [Resource].flat().map((machine) => ({ 'Fn::Join': ['', [machine, ':live']] }));
  return z.json().parse({ ...rest, Resource: through });
}
