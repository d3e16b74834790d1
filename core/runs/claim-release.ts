import * as z from 'zod';
import { canonicalJson } from '../canonical-json.ts';
import { Fault } from '../faults.ts';
import type { ClaimStore } from '../ports/claim-store.ts';
import { defineTask, RunContext } from '../task.ts';
import { RunInput, RunSubject, releaseIdOf } from './run-input.ts';

const Input = z.strictObject({ step: z.literal('claim-release'), run: RunContext, subject: RunSubject });
const Output = z.strictObject({ release: z.string().min(1) });

export interface ClaimReleaseDeps {
  readonly claims: Pick<ClaimStore, 'get'>;
}

/** Checks that this run is the one its claim names, about the subject it was claimed for. Any other is `InputInvalid`. */
export const claimRelease = defineTask<ClaimReleaseDeps, z.infer<typeof Input>, z.infer<typeof Output>>({
  step: 'claim-release',
  input: Input,
  output: Output,
  run: async ({ claims }, { run, subject }) => {
    const row = await claims.get(run.tenant, run.businessKey, run.machine);
    if (row?.runName !== run.name || row.status !== 'running')
      throw new Fault('InputInvalid', `run ${run.name} is not the one that has the claim`);
    if (canonicalJson(RunInput.parse(row.input).subject) !== canonicalJson(subject))
      throw new Fault('InputInvalid', `run ${run.name} is about another subject than its claim`);
    return { release: releaseIdOf(subject) };
  },
});
