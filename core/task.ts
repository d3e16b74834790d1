import * as z from 'zod';
import { Sha256Hex, TenantId } from '../events/fields.ts';
import { Fault } from './faults.ts';

/** Which run calls a task. Taken from the run's input and the engine's context; part of every payload. */
export const RunContext = z.strictObject({
  tenant: TenantId,
  businessKey: Sha256Hex,
  machine: z.string().regex(/^[a-z][a-z0-9-]{0,39}$/),
  /** Execution name: at most 80 characters of `[0-9A-Za-z_-]`. */
  name: z.string().regex(/^[0-9A-Za-z_-]{1,80}$/),
});
export type RunContext = z.infer<typeof RunContext>;

/** One step of a workflow, declared once; Lambda handlers and the embedded engine only bind it. */
export interface Task<Deps, Input, Output> {
  /** Kebab-case name, as in `statemachines/catalog.ts`. */
  readonly step: string;
  readonly input: z.ZodType<Input>;
  readonly output: z.ZodType<Output>;
  run(deps: Deps, input: Input): Promise<Output>;
}

export const defineTask = <Deps, Input, Output>(task: Task<Deps, Input, Output>): Task<Deps, Input, Output> => task;

/** Parse, one call, parse. A payload that does not fit is `InputInvalid`, which no workflow retries. */
export async function runTask<Deps, Input, Output>(
  task: Task<Deps, Input, Output>,
  deps: Deps,
  payload: unknown,
): Promise<Output> {
  const input = task.input.safeParse(payload);
  if (!input.success) throw new Fault('InputInvalid', `${task.step}: ${z.prettifyError(input.error)}`);
  return task.output.parse(await task.run(deps, input.data));
}
