import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { FAULT_NAMES } from '../../core/faults.ts';
import { MACHINES, type MachineName, RETRIED_FAULTS, type StepName } from '../../statemachines/catalog.ts';
import { SCRIPTS, scriptedRun } from './scripted-run.ts';
import { waysOf, waysTaken } from './visits.ts';

const FaultName = z.enum(FAULT_NAMES);
type Run = Awaited<ReturnType<typeof scriptedRun>>;

/** How many calls two runs begin with alike. */
function sharedCalls(one: readonly StepName[], other: readonly StepName[]): number {
  const differ = one.findIndex((step, at) => step !== other[at]);
  return differ < 0 ? one.length : differ;
}

/** Undisturbed runs, and from which call on each does what none before it did: the call whose answer differs. */
async function undisturbedRuns(machine: MachineName) {
  const runs: { readonly how: string; readonly from: number; readonly run: Run }[] = [];
  for (const [how, script] of Object.entries(SCRIPTS[machine])) {
    const run = await scriptedRun(machine, script);
    const shared = runs.map((before) => sharedCalls(run.calls, before.run.calls));
    runs.push({ how, run, from: Math.max(0, ...shared.map((calls) => calls - 1)) });
  }
  return runs;
}

/** Every call of every run that is worth to fail. */
async function callsOf(machine: MachineName) {
  const runs = await undisturbedRuns(machine);
  return runs.flatMap(({ how, from, run }) =>
    run.calls.flatMap((step, at) => (at < from ? [] : [{ how, at, step, run, script: SCRIPTS[machine][how] ?? {} }])),
  );
}

describe.each(MACHINES)('%s with steps that only answer', (machine) => {
  it('reaches every state, and takes every way out of a Choice and each Catch', { timeout: 60_000 }, async () => {
    const taken = new Set((await undisturbedRuns(machine)).flatMap(({ run }) => waysTaken(run.states)));
    for (const { at, script } of await callsOf(machine)) {
      const { states } = await scriptedRun(machine, script, { at, fault: 'ConfigurationInvalid' });
      for (const way of waysTaken(states)) taken.add(way);
    }
    expect(waysOf(machine).filter((way) => !taken.has(way))).toEqual([]);
  });

  it('goes on after each fault that a state retries, as if nothing had been', { timeout: 60_000 }, async () => {
    for (const { how, at, step, run, script } of await callsOf(machine))
      for (const fault of RETRIED_FAULTS[step]) {
        const again = await scriptedRun(machine, script, { at, fault: FaultName.parse(fault) });
        const came = { status: again.status, output: again.output, states: again.states.toSorted() };
        const expected = { status: run.status, output: run.output, states: run.states.toSorted() };
        expect(came, `${how}: ${fault} at ${step} ${at}`).toEqual(expected);
        expect(again.calls, `${how}: ${fault} at ${step} ${at}`).toHaveLength(run.calls.length + 1);
      }
  });

  it('fails at a fault that a state does not retry, and at one that does not pass', { timeout: 60_000 }, async () => {
    for (const { how, at, step, script } of await callsOf(machine))
      for (const fault of ['ConfigurationInvalid', RETRIED_FAULTS[step][0] ?? 'StoreUnavailable']) {
        const failing = { at, fault: FaultName.parse(fault), lasting: true };
        const { status, error } = await scriptedRun(machine, script, failing);
        expect([status, error], `${how}: ${fault} at ${step} ${at}`).toEqual(['FAILED', fault]);
      }
  });
});

it('change-check checks each module of a tree, and judges all that was found', async () => {
  const snapshot = [{ module: 'a' }, { module: 'b' }];
  const answer = { fetched: true, snapshot, check: { check: 'fetch-source', outcome: 'pass', report: {} } };
  const { payloads, status } = await scriptedRun('change-check', { 'fetch-source': [answer] });
  const of = (step: StepName) => payloads.filter((payload) => payload.step === step);
  const checks = ['verify-go-sum', 'verify-vendor', 'check-module-policy'] as const;
  for (const step of checks) expect(of(step).map((payload) => payload.snapshot)).toEqual(snapshot);
  expect(of('decide-gate')[0]?.checks).toHaveLength(1 + checks.length * snapshot.length);
  const Recorded = z.array(z.object({ step: z.string(), mapIndex: z.int().optional() }));
  const recorded = of('append-ledger').flatMap(({ records }) => Recorded.parse(records));
  expect(recorded.filter(({ step }) => step !== 'claim-release' && step !== 'decide-gate')).toEqual([
    { step: 'fetch-source' },
    ...snapshot.flatMap((_, mapIndex) => checks.map((step) => ({ step, mapIndex }))),
  ]);
  expect(status).toBe('SUCCEEDED');
});
