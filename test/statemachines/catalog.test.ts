import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { FAULT_NAMES } from '../../core/faults.ts';
import { COMPENSATING_MACHINES } from '../../core/promotion/start-rollback.ts';
import { COMPENSATING, functionIdOf, MACHINES, RETRIED_FAULTS, STEPS } from '../../statemachines/catalog.ts';

const aslValidator = createRequire(import.meta.url)('asl-validator') as (definition: unknown) => {
  isValid: boolean;
  errors: unknown[];
};

const folder = new URL('../../statemachines/', import.meta.url);
const text = (machine: string) => readFileSync(new URL(`${machine}.asl.json`, folder), 'utf8');

/** The tests beside core and adapters, and those that several adapters share. */
const tests = ['core', 'adapters', 'test/contracts'].flatMap((name) => {
  const root = new URL(`../../${name}/`, import.meta.url);
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => /\.(?:test|contract)\.ts$/.test(file))
    .map((file) => readFileSync(new URL(file, root), 'utf8'));
});

/** Every object in a document, outermost first. */
function* objects(value: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(value)) for (const item of value) yield* objects(item);
  else if (value !== null && typeof value === 'object') {
    yield Object.fromEntries(Object.entries(value));
    for (const item of Object.values(value)) yield* objects(item);
  }
}

const Task = z.looseObject({
  Type: z.literal('Task'),
  Comment: z.string(),
  Arguments: z.strictObject({ FunctionName: z.string(), Payload: z.looseObject({ step: z.enum(STEPS) }) }),
  Retry: z.array(z.looseObject({ ErrorEquals: z.array(z.string()) })),
  Catch: z.array(z.looseObject({ Next: z.string() })).optional(),
});
const tasksOf = (machine: string) =>
  [...objects(JSON.parse(text(machine)))].filter((object) => object.Type === 'Task').map((task) => Task.parse(task));

describe('the catalogue and the state machines', () => {
  it('name the same machines', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.asl.json'));
    expect(files.map((name) => name.replace('.asl.json', '')).sort()).toEqual([...MACHINES].sort());
  });

  it('name the same steps, each bound to the function of its own name', () => {
    const tasks = MACHINES.flatMap(tasksOf);
    expect([...new Set(tasks.map((task) => task.Arguments.Payload.step))].sort()).toEqual([...STEPS].sort());
    for (const task of tasks)
      expect(task.Arguments.FunctionName).toBe(`\${${functionIdOf(task.Arguments.Payload.step)}}`);
  });

  it('retry exactly the faults the catalogue gives a step, and core declares every one', () => {
    for (const task of MACHINES.flatMap(tasksOf)) {
      const retried = task.Retry.flatMap((retry) => retry.ErrorEquals).filter(
        (name) => !/^(States|Lambda|Runtime|Sandbox)\./.test(name),
      );
      expect(retried).toEqual(RETRIED_FAULTS[task.Arguments.Payload.step]);
      expect(FAULT_NAMES).toEqual(expect.arrayContaining(retried));
    }
  });

  it('name the same machines that compensate, and no other catches but an approval that times out', () => {
    expect(COMPENSATING_MACHINES).toEqual(COMPENSATING);
    for (const machine of MACHINES) {
      const caught = tasksOf(machine).flatMap(({ Catch = [] }) => Catch.map(({ Next }) => Next));
      const allowed = ['Roll back after a fault', 'Record that nobody approved'];
      expect([...new Set(caught)].sort()).toEqual(COMPENSATING.includes(machine) ? allowed.sort() : []);
    }
  });

  it.each(FAULT_NAMES)('have a test that says what becomes of %s', (fault) => {
    expect(tests.some((text) => text.includes(`'${fault}'`))).toBe(true);
  });

  it.each(MACHINES)('%s satisfies the schema of the Amazon States Language', (machine) => {
    const deployed = text(machine)
      .replaceAll('${Partition}', 'aws')
      .replaceAll(/\$\{\w+Function\}/g, 'arn:aws:lambda:eu-central-1:111122223333:function:f');
    expect(aslValidator(JSON.parse(deployed))).toMatchObject({ isValid: true, errors: [] });
  });
});
