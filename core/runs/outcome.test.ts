import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { canonicalJson } from '../canonical-json.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import { type RunEnd, recordRunOutcome } from './outcome.ts';
import { recordRunEnd } from './record-run-end.ts';
import { keptCause } from './run-fault.ts';
import { startWorkflow } from './start.ts';

/** One run of the release of v1.0.0. */
async function startedRun() {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  for (const message of world.bus.accepted) await startWorkflow(world.start, message);
  const [name = ''] = world.runs.keys();
  const faults = async () =>
    (await world.ledger.entries(world.tenant.id, 0, 99)).map(parseEntry).filter(({ kind }) => kind === 'fault');
  const end = { name, machine: 'source-release', status: 'FAILED', redriveCount: 0 } as const;
  const record = (how: Partial<RunEnd>) => recordRunOutcome(world.runDeps, { ...end, ...how });
  return { world, name, faults, record };
}

const FaultRecord = z.looseObject({ input: EvidenceRef });

describe('the fault of a run', () => {
  it('is on the ledger with its state, error, cause and the reference of its input', async () => {
    const { world, name, faults, record } = await startedRun();
    const error = 'ModuleProxyUnreachable';
    await record({ state: 'Verify go.sum', error, cause: 'the proxy answered 503', redriveCount: 0 });
    const [entry] = await faults();
    expect(entry).toMatchObject({
      outcome: 'fault',
      run: { workflow: 'source-release', name, state: 'Verify go.sum' },
      reasons: [{ code: 'run.failed', where: 'Verify go.sum', found: error, fix: `relseal replay ${name}` }],
    });
    const refs = entry?.evidence ?? [];
    expect(refs.map(({ kind }) => kind)).toEqual(['run-fault', 'run-input']);
    const [fault, input] = refs;
    if (!fault || !input) throw new Error('no evidence');
    const told = await loadJsonEvidence(world.worm, world.tenant.id, fault, FaultRecord);
    expect(told).toEqual({
      schema: 'relseal.run-fault/1',
      machine: 'source-release',
      run: name,
      state: 'Verify go.sum',
      error,
      cause: 'the proxy answered 503',
      input,
      redriveCount: 0,
    });
    const stored = await loadJsonEvidence(world.worm, world.tenant.id, told.input, z.unknown());
    expect(canonicalJson(stored)).toBe(canonicalJson(world.runs.get(name)));
  });

  it('says nothing of a state or cause that is not known', async () => {
    const { world, faults, record } = await startedRun();
    await record({ status: 'TIMED_OUT' });
    const [entry] = await faults();
    expect(entry?.run).not.toHaveProperty('state');
    expect(entry?.reasons?.[0]).not.toHaveProperty('where');
    const [fault] = entry?.evidence ?? [];
    if (!fault) throw new Error('no evidence');
    const text = await loadJsonEvidence(world.worm, world.tenant.id, fault, FaultRecord);
    expect(Object.keys(text).sort()).toEqual(['error', 'input', 'machine', 'redriveCount', 'run', 'schema']);
  });

  it('fits its entry whatever an engine calls the state and the error', async () => {
    const { faults, record } = await startedRun();
    await record({ state: `${'s'.repeat(79)}\u{1f600}`, error: 'e'.repeat(5000) });
    expect((await faults())[0]).toMatchObject({ run: { state: `${'s'.repeat(79)}\ufffd` } });
  });

  it('is recorded once for each redrive, and an end from before a redrive not at all', async () => {
    const { world, name, faults, record } = await startedRun();
    expect(await record({ error: 'SourceUnreachable' })).toBe('recorded');
    // Somebody redrove it past us: the count of the engine is the one that counts.
    expect(await record({ error: 'SourceUnreachable', redriveCount: 2 })).toBe('recorded');
    expect(await record({ error: 'SourceUnreachable', redriveCount: 2 })).toBe('nothing');
    expect(await record({ error: 'SourceUnreachable', redriveCount: 1 })).toBe('nothing');
    expect(await record({ status: 'SUCCEEDED', output: { outcome: 'passed' }, redriveCount: 1 })).toBe('nothing');
    expect(await faults()).toHaveLength(2);
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'failed', redrives: 2 });
    expect(await record({ status: 'SUCCEEDED', output: { outcome: 'passed' }, redriveCount: 3 })).toBe('recorded');
    const row = await world.claims.byRun(name);
    expect([row?.status, row?.error]).toEqual(['passed', undefined]);
  });

  it('is compensated before the claim has failed, once it is on record', async () => {
    const { world, name, faults } = await startedRun();
    const seen: unknown[] = [];
    const compensate = async () => {
      seen.push([(await faults()).length, (await world.claims.byRun(name))?.status]);
      throw new Error('the process dies here');
    };
    const end = { name, machine: 'source-release', status: 'ABORTED', redriveCount: 0 } as const;
    await expect(recordRunOutcome({ ...world.runDeps, compensate }, end)).rejects.toThrow('dies here');
    expect(seen).toEqual([[1, 'running']]);
    expect(await recordRunOutcome(world.runDeps, end)).toBe('recorded');
    expect(world.compensated).toEqual([name]);
    expect(await faults()).toHaveLength(1);
  });

  it('compensates nothing of a run that passed or was refused', async () => {
    for (const outcome of ['passed', 'refused']) {
      const { world, record } = await startedRun();
      await record({ status: 'SUCCEEDED', output: { outcome } });
      expect(world.compensated).toEqual([]);
    }
  });

  it('is read from the engine, whatever the event that told of it says', async () => {
    const { world, name, faults } = await startedRun();
    expect(await recordRunEnd(world.runDeps, name)).toBe('nothing');
    world.workflows.end(name, { status: 'FAILED', error: 'StoreUnavailable', state: 'Claim the release' });
    expect(await recordRunEnd(world.runDeps, name)).toBe('recorded');
    expect(await recordRunEnd(world.runDeps, 'none-of-ours')).toBe('nothing');
    expect((await faults())[0]).toMatchObject({ run: { state: 'Claim the release' } });
  });
});

describe('the cause of a fault', () => {
  it.each([
    ['a message of ours', 'SourceUnreachable', 'the host did not answer', 'the host did not answer'],
    ['a text of the engine', 'States.Timeout', 'The task did not answer in time.', 'The task did not answer in time.'],
    ['a text of the sandbox', 'Sandbox.Timedout', 'timed out', 'timed out'],
  ])('is kept when it is %s', (_what, error, cause, kept) => {
    expect(keptCause(error, cause)).toBe(kept);
  });

  it.each([
    ['an error of nobody we know', 'TypeError', 'password hunter2'],
    ['a report of ours in JSON', 'SourceUnreachable', '{"errorType":"SourceUnreachable","errorMessage":"gone"}'],
    ['a report that is cut off', 'SourceUnreachable', '{"errorType":"SourceUnreachable","errorMess'],
    ['JSON of another shape', 'States.TaskFailed', '{"password":"hunter2"}'],
    ['a name that only resembles ours', 'SourceUnreachable2', 'password hunter2'],
    ['nothing', 'SourceUnreachable', ''],
    ['absent', 'SourceUnreachable', undefined],
  ])('is dropped when it is %s', (_what, error, cause) => {
    expect(keptCause(error, cause)).toBeUndefined();
  });

  it('is cut to 1,024 characters without leaving half of one', () => {
    expect(keptCause('InputInvalid', `${'x'.repeat(1023)}\u{1f600}`)).toBe(`${'x'.repeat(1023)}\ufffd`);
  });

  it('is kept with the claim in the same form', async () => {
    const { world, name, record } = await startedRun();
    await record({ error: 'RegistryUnreachable', cause: 'no answer' });
    expect(await world.claims.byRun(name)).toMatchObject({ error: 'RegistryUnreachable', cause: 'no answer' });
  });
});
