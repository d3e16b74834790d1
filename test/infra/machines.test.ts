import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { functionIdOf, MACHINES, type MachineName, STEPS } from '../../statemachines/catalog.ts';
import { documentWith, linesOf, resourcesOf, synthesised } from './synthesised.ts';

const { services: template } = synthesised(documentWith({}));
const machineIdOf = (machine: MachineName) => functionIdOf(machine).replace(/Function$/, 'Machine');
const textOf = (machine: MachineName) =>
  readFileSync(new URL(`../../statemachines/${machine}.asl.json`, import.meta.url), 'utf8');

/** The one resource of a type whose id begins so. */
function one(type: string, idPrefix: string, of = template) {
  const [found, ...more] = resourcesOf(of, type).filter(([id]) => id.startsWith(idPrefix));
  if (!found || more.length > 0) throw new Error(`${more.length + (found ? 1 : 0)} resources are called ${idPrefix}`);
  const [id, resource] = found;
  return { id, ...resource };
}

const Definition = z.object({
  Properties: z.object({
    DefinitionString: z.object({ 'Fn::Join': z.tuple([z.literal(''), z.array(z.json())]) }),
    LoggingConfiguration: z.object({ IncludeExecutionData: z.literal(false), Level: z.literal('ALL') }),
    TracingConfiguration: z.object({ Enabled: z.literal(true) }),
  }),
});

describe('every machine', () => {
  it('is its file, with versions of its own functions filled in, and logs no data', () => {
    expect(resourcesOf(template, 'AWS::StepFunctions::StateMachine')).toHaveLength(MACHINES.length);
    for (const machine of MACHINES) {
      const resource = one('AWS::StepFunctions::StateMachine', machineIdOf(machine));
      const [, parts] = Definition.parse(resource).Properties.DefinitionString['Fn::Join'];
      const file = textOf(machine);
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

  it('may invoke only functions that it names, whichever version a run began on', () => {
    for (const machine of MACHINES) {
      const named = [...new Set([...textOf(machine).matchAll(/\$\{(\w+Function)\}/g)].map(([, name = '']) => name))];
      const { Properties } = one('AWS::IAM::Policy', `${machineIdOf(machine)}Role`);
      const invoked = linesOf(Properties.PolicyDocument).filter(({ actions }) =>
        actions.includes('lambda:InvokeFunction'),
      );
      expect(invoked).toHaveLength(1);
      expect(invoked[0]?.resources).toEqual(
        named.map((name) => ({
          'Fn::Join': ['', [{ 'Fn::GetAtt': [expect.stringMatching(new RegExp(`^${name}Lambda`)), 'Arn'] }, ':*']],
        })),
      );
    }
  });

  it('has an alias that leads every start to the newest version', () => {
    for (const machine of MACHINES) {
      const { id, Properties: version } = one('AWS::StepFunctions::StateMachineVersion', machineIdOf(machine));
      const { Properties: alias } = one('AWS::StepFunctions::StateMachineAlias', machineIdOf(machine));
      expect(alias).toEqual({
        Name: 'live',
        RoutingConfiguration: [{ StateMachineVersionArn: { 'Fn::GetAtt': [id, 'Arn'] }, Weight: 100 }],
      });
      const { id: machineId } = one('AWS::StepFunctions::StateMachine', machineIdOf(machine));
      expect(version).toEqual({
        StateMachineArn: { Ref: machineId },
        StateMachineRevisionId: { 'Fn::GetAtt': [machineId, 'StateMachineRevisionId'] },
      });
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
      const found = tasks(JSON.parse(textOf(machine)));
      expect(found.length).toBeGreaterThan(0);
      for (const { TimeoutSeconds, Arguments } of found) {
        const { Properties } = one('AWS::Lambda::Function', functionIdOf(Arguments.Payload.step));
        expect(Number(Properties.Timeout), Arguments.Payload.step).toBeLessThan(TimeoutSeconds);
      }
    }
  });
});

describe('a deployment of changed code', () => {
  const deployed = synthesised(documentWith({}), undefined, ['restore-revision']).services;
  const versionIds = (of: typeof template, type: 'Lambda::Version' | 'StepFunctions::StateMachineVersion') =>
    resourcesOf(of, `AWS::${type}`).map(([id]) => id);
  const versionOf = (of: typeof template, machine: MachineName) =>
    one('AWS::StepFunctions::StateMachineVersion', machineIdOf(machine), of).id;

  it('makes a version of that function and of the machines that call it, and of no other', () => {
    const added = versionIds(deployed, 'Lambda::Version').filter(
      (id) => !versionIds(template, 'Lambda::Version').includes(id),
    );
    expect(added).toEqual([expect.stringMatching(/^RestoreRevisionFunctionLambdaCurrentVersion/)]);
    for (const machine of MACHINES)
      expect(versionOf(deployed, machine) === versionOf(template, machine), machine).toBe(machine !== 'rollback');
  });

  it('leads new runs to it by the alias, which keeps its ARN', () => {
    const { id, Properties } = one('AWS::StepFunctions::StateMachineAlias', machineIdOf('rollback'), deployed);
    expect(id).toBe(one('AWS::StepFunctions::StateMachineAlias', machineIdOf('rollback')).id);
    expect(Properties.RoutingConfiguration).toEqual([
      { StateMachineVersionArn: { 'Fn::GetAtt': [versionOf(deployed, 'rollback'), 'Arn'] }, Weight: 100 },
    ]);
  });

  it('takes no version away that runs may be open on', () => {
    const versions = [
      ...resourcesOf(template, 'AWS::Lambda::Version'),
      ...resourcesOf(template, 'AWS::StepFunctions::StateMachineVersion'),
    ];
    expect(versions).toHaveLength(STEPS.length + MACHINES.length);
    for (const [id, resource] of versions)
      expect(resource, id).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  });
});
