import * as z from 'zod';
import { Fault } from '../../core/faults.ts';
import type { RunStatus } from '../../core/ports/workflows.ts';
import { isNamed } from './errors.ts';

/** Platform helper: how an execution is named, and what Step Functions says of one. */

/** ARN of each machine (or of its version or alias) by name. */
export type MachineArns = Readonly<Record<string, string>>;

export function machineArnOf(machineArns: MachineArns, machine: string): string {
  const arn = machineArns[machine];
  if (arn === undefined) throw new Fault('ConfigurationInvalid', `no state machine is configured for ${machine}`);
  return arn;
}

/** An execution is named under its machine, whatever version or alias started it. */
export const executionArnOf = (machineArns: MachineArns, machine: string, name: string): string =>
  [...machineArnOf(machineArns, machine).split(':').slice(0, 7), name]
    .join(':')
    .replace(':stateMachine:', ':execution:');

/** A run that waits for its redrive has not ended. */
export const statusOfRun = (status: string | undefined): RunStatus =>
  status === 'SUCCEEDED' || status === 'FAILED' || status === 'TIMED_OUT' || status === 'ABORTED' ? status : 'RUNNING';

/** What the call gives; undefined when it fails with one of these errors. */
export async function unlessNamed<T>(call: Promise<T>, ...names: readonly string[]): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isNamed(error, ...names)) return undefined;
    throw error;
  }
}

/** What Lambda makes of an error that a function throws. */
const LambdaFailure = z.object({ errorType: z.string(), errorMessage: z.string() });

/**
 * The cause as the port has it: what the function said. Of what Lambda reports that is the message alone, for a trace
 * belongs into its log; a report that is cut off, of another error or of another shape says nothing.
 */
export function causeOf(error: string | undefined, cause: string | undefined): string | undefined {
  if (!cause?.startsWith('{')) return cause;
  try {
    const { errorType, errorMessage } = LambdaFailure.parse(JSON.parse(cause));
    return errorType === error ? errorMessage : undefined;
  } catch {
    return undefined;
  }
}
