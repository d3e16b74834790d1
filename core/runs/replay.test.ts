import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { OciDigest } from '../../events/fields.ts';
import { deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import { replayRun } from './replay.ts';
import { businessKeyOf, RunInput, type RunSubject, runNameOf } from './run-input.ts';
import { startWorkflow } from './start.ts';
import { sweepRuns } from './sweep.ts';

const ASKED = { actor: { id: 'operator', authenticated: 'local' }, from: 'failure' } as const;
const FAULT = { status: 'FAILED', error: 'ModuleProxyUnreachable' } as const;

type World = ReturnType<typeof deliveryWorld>;

const sweep = ({ runDeps, tenant }: World) => sweepRuns(runDeps, [tenant.id]);
const entriesOf = async ({ ledger, tenant }: World) => (await ledger.entries(tenant.id, 0, 99)).map(parseEntry);

/** A release run that failed and is recorded so. */
async function failedRun() {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  for (const message of world.bus.accepted) await startWorkflow(world.start, message);
  const [name = ''] = world.runs.keys();
  world.workflows.end(name, FAULT);
  await sweep(world);
  return { world, name, deps: world.runDeps };
}

/** A run of a machine about one promotion, failed and recorded so. */
async function failedPromotion(machine: string, attempt = 0) {
  const world = deliveryWorld();
  const tenant = world.tenant.id;
  const digest = OciDigest.parse(`sha256:${'a'.repeat(64)}`);
  const host = 'registry.example.com';
  const subject: RunSubject = {
    kind: 'promotion',
    host,
    repository: 'acme/sample',
    digest,
    environment: 'live',
    attempt,
  };
  const businessKey = businessKeyOf(tenant, subject);
  const runName = runNameOf(machine, businessKey, 0);
  const row: ClaimRow = {
    tenant,
    businessKey,
    machine,
    runName,
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: '2026-11-01T10:00:00.000Z',
    eventId: 'request',
    actor: { id: 'asker', authenticated: 'session' },
    input: RunInput.parse({ schema: 'relseal.run/1', tenant, businessKey, subject }),
  };
  await world.claims.claim(row);
  await sweep(world);
  world.workflows.end(runName, FAULT);
  await sweep(world);
  return { world, runName, deps: world.runDeps };
}

describe('a replay', () => {
  it('keeps why it was asked for as evidence, and not in the entry', async () => {
    const { world, name, deps } = await failedRun();
    await replayRun(deps, name, { ...ASKED, reason: 'Ana restarted the proxy' });
    const entry = (await entriesOf(world)).at(-1);
    expect(entry).toMatchObject({
      kind: 'replay',
      actor: ASKED.actor,
      reasons: [{ code: 'run.redriven', found: name }],
    });
    expect(JSON.stringify(entry)).not.toContain('Ana');
    const [ref] = entry?.evidence ?? [];
    if (!ref) throw new Error('no evidence');
    expect(ref.kind).toBe('replay-request');
    expect(await loadJsonEvidence(world.worm, world.tenant.id, ref, z.unknown())).toEqual({
      schema: 'relseal.replay-request/1',
      run: name,
      reason: 'Ana restarted the proxy',
    });
  });

  it('goes on in the same run as often as it fails, each time on record', async () => {
    const { world, name, deps } = await failedRun();
    for (let redrive = 1; redrive <= 3; redrive += 1) {
      expect(await replayRun(deps, name, ASKED)).toEqual({ kind: 'redriven', runName: name });
      world.workflows.end(name, FAULT);
      await sweep(world);
    }
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'failed', redrives: 3, replay: 0 });
    expect([...world.runs.keys()]).toEqual([name]);
    const kinds = (await entriesOf(world)).map(({ kind }) => kind);
    expect(kinds).toEqual(['delivery', ...Array(3).fill(['fault', 'replay']).flat(), 'fault']);
  });

  it('starts a new run of one that can go on no more, or that the engine has forgotten', async () => {
    const { world, name, deps } = await failedRun();
    world.workflows.end(name, { ...FAULT, redrivable: false });
    expect(await replayRun(deps, name, ASKED)).toEqual({ kind: 'started', runName: `${name}-r1` });
    world.workflows.end(`${name}-r1`, FAULT);
    await sweep(world);
    world.runs.delete(`${name}-r1`);
    expect(await replayRun(deps, `${name}-r1`, ASKED)).toEqual({ kind: 'started', runName: `${name}-r2` });
    expect(world.runs.get(`${name}-r2`)).toEqual(world.runs.get(name));
  });

  it('of a run that somebody redrove past us is refused while it goes on', async () => {
    const { world, name, deps } = await failedRun();
    await world.workflows.redrive('source-release', name);
    expect(await replayRun(deps, name, ASKED)).toMatchObject({ code: 'replay.not-failed', runName: name });
  });

  it('of a run that passed past us is refused, and the claim learns of it', async () => {
    const { world, name, deps } = await failedRun();
    await world.workflows.redrive('source-release', name);
    world.workflows.end(name, { status: 'SUCCEEDED', output: { outcome: 'passed' } });
    expect(await replayRun(deps, name, ASKED)).toMatchObject({ code: 'replay.not-failed', runName: name });
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'passed' });
    expect([...world.runs.keys()]).toEqual([name]);
  });

  it('of a run that failed again past us counts on from there', async () => {
    const { world, name, deps } = await failedRun();
    await world.workflows.redrive('source-release', name);
    world.workflows.end(name, FAULT);
    expect(await replayRun(deps, name, ASKED)).toEqual({ kind: 'redriven', runName: name });
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'running', redrives: 2 });
    await sweep(world);
    expect(await world.workflows.describe('source-release', name)).toMatchObject({
      status: 'RUNNING',
      redriveCount: 2,
    });
  });

  it('restarts nothing while the engine may only be behind', async () => {
    const { world, name, deps } = await failedRun();
    // Another process redrives it; this one is refused, and is shown the run as it was before.
    const before = await world.workflows.describe('source-release', name);
    const workflows = {
      ...world.workflows,
      describe: async () => before,
      redrive: async () => 'impossible' as const,
    };
    const lagging = { ...deps, workflows };
    expect(await replayRun(lagging, name, ASKED)).toEqual({ kind: 'redriven', runName: name });
    expect(await sweepRuns(lagging, [world.tenant.id])).toEqual({ recorded: 0, started: 0, takenUp: 0 });
    expect([...world.runs.keys()]).toEqual([name]);
    expect(await sweep(world)).toEqual({ recorded: 0, started: 0, takenUp: 1 });
  });

  it('is taken up by the sweep only as the claim asks for it now', async () => {
    const { world, name, deps } = await failedRun();
    const died = { ...deps.workflows, redrive: () => Promise.reject(new Error('dead')) };
    await expect(replayRun({ ...deps, workflows: died }, name, ASKED)).rejects.toThrow('dead');
    const listed = await world.claims.list(world.tenant.id, { status: 'running', limit: 9 });
    expect(await sweep(world)).toMatchObject({ takenUp: 1 });
    world.workflows.end(name, FAULT);
    await sweep(world);
    const row = await world.claims.byRun(name);
    // A list from before: what it asks for was done.
    const claims = { ...world.claims, list: async () => listed };
    const stale = { ...deps, claims, workflows: { ...deps.workflows, describe: async () => describedOnce(name) } };
    expect(await sweepRuns(stale, [world.tenant.id])).toEqual({ recorded: 0, started: 0, takenUp: 0 });
    expect(await world.claims.byRun(name)).toEqual(row);
  });
});

const describedOnce = (name: string) => ({
  ...FAULT,
  name,
  machine: 'source-release',
  startedAt: '2026-11-01T10:00:00.000Z',
  input: {},
  redriveCount: 0,
  redrivable: true,
});

describe('a replay of a promotion', () => {
  it('is a new attempt with a claim of its own, asked for by whoever replays it', async () => {
    const { world, runName, deps } = await failedPromotion('promotion');
    const answer = await replayRun(deps, runName, ASKED);
    expect(answer.kind).toBe('started');
    expect(answer.runName).toMatch(/^promotion-[0-9a-f]{40}$/);
    expect(answer.runName).not.toBe(runName);
    const next = await world.claims.byRun(answer.runName);
    expect(next).toMatchObject({ status: 'running', replay: 0, redrives: 0, actor: ASKED.actor });
    const { subject, businessKey } = RunInput.parse(next?.input);
    expect(subject).toMatchObject({ kind: 'promotion', attempt: 1 });
    expect(businessKey).toBe(next?.businessKey);
    expect(await world.claims.byRun(runName)).toMatchObject({ status: 'failed', runName });
    expect((await entriesOf(world)).at(-1)).toMatchObject({
      kind: 'replay',
      environment: 'live',
      run: { name: answer.runName },
      reasons: [{ code: 'run.replayed', found: runName }],
    });
  });

  it('of an attempt that has followers is refused and names the newest', async () => {
    const { world, runName, deps } = await failedPromotion('promotion');
    const second = await replayRun(deps, runName, ASKED);
    world.workflows.end(second.runName, FAULT);
    await sweep(world);
    const third = await replayRun(deps, second.runName, ASKED);
    for (const old of [runName, second.runName])
      expect(await replayRun(deps, old, ASKED)).toEqual({
        kind: 'refused',
        code: 'replay.superseded',
        runName: third.runName,
      });
  });

  it('asked for twice at once is one attempt', async () => {
    const { world, runName, deps } = await failedPromotion('promotion');
    const both = await Promise.all([replayRun(deps, runName, ASKED), replayRun(deps, runName, ASKED)]);
    expect(both.map(({ kind }) => kind).sort()).toEqual(['refused', 'started']);
    expect(new Set(both.map((answer) => answer.runName)).size).toBe(1);
    expect(world.runs.size).toBe(2);
  });

  it.each(['claim', 'start'] as const)('killed before its %s is made good', async (step) => {
    const { world, runName, deps } = await failedPromotion('promotion');
    const dead = async () => {
      throw new Error('dead');
    };
    const dying = {
      ...deps,
      claims: step === 'claim' ? { ...deps.claims, claim: dead } : deps.claims,
      workflows: step === 'start' ? { ...deps.workflows, start: dead } : deps.workflows,
    };
    await expect(replayRun(dying, runName, ASKED)).rejects.toThrow('dead');
    if (step === 'claim') expect(await replayRun(deps, runName, ASKED)).toMatchObject({ kind: 'started' });
    else expect(await sweep(world)).toEqual({ recorded: 0, started: 1, takenUp: 0 });
    expect(world.runs.size).toBe(2);
    expect((await entriesOf(world)).filter(({ kind }) => kind === 'replay')).toHaveLength(1);
  });

  it('never redrives it, while its rollback goes on where it failed', async () => {
    const promotion = await failedPromotion('promotion');
    const redriven: string[] = [];
    const workflows = {
      ...promotion.deps.workflows,
      redrive: async (machine: string) => {
        redriven.push(machine);
        return 'impossible' as const;
      },
    };
    await replayRun({ ...promotion.deps, workflows }, promotion.runName, ASKED);
    expect(redriven).toEqual([]);
    const rollback = await failedPromotion('rollback');
    expect(await replayRun(rollback.deps, rollback.runName, ASKED)).toEqual({
      kind: 'redriven',
      runName: rollback.runName,
    });
  });
});
