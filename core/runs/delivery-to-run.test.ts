import { describe, expect, it } from 'vitest';
import { GitSha } from '../../events/fields.ts';
import { COMMIT, deliveryWorld, pullRequest, pushRequest } from '../../test/fakes/delivery-world.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { MAX_BODY_BYTES, receiveDelivery } from '../ingest/receive.ts';
import { parseEntry } from '../ledger/entry.ts';
import { claimRelease } from './claim-release.ts';
import { recordRunOutcome } from './outcome.ts';
import { replayRun } from './replay.ts';
import { RunInput } from './run-input.ts';
import { startWorkflow } from './start.ts';
import { sweepRuns } from './sweep.ts';

const ASKED = { actor: { id: 'operator', authenticated: 'local' }, from: 'failure' } as const;

type World = ReturnType<typeof deliveryWorld>;

async function entriesOf({ ledger, tenant }: World) {
  return (await ledger.entries(tenant.id, 0, 1000)).map(parseEntry);
}

/** Everything from the request to the started run, as often as it takes. */
async function deliver(world: World, request = pushRequest()) {
  let status = 0;
  for (let send = 0; send < 4 && status !== 202; send += 1)
    status = (await receiveDelivery(world.receive, request)).status;
  for (let round = 0; round < 6; round += 1) {
    await dispatchDue(world.publish).catch(() => undefined);
    world.clock.advance(3_600_000);
  }
  for (let round = 0; round < 3; round += 1)
    for (const message of world.bus.accepted) await startWorkflow(world.start, message).catch(() => undefined);
  return status;
}

describe('receiving', () => {
  it.each([
    ['source.unknown', 404, { provider: 'quay' }],
    ['source.unknown', 404, { provider: 'ecr' }],
    ['source.unknown', 404, { instance: 'other' }],
    ['method.not-allowed', 405, { method: 'GET' }],
    ['body.too-large', 413, { body: new Uint8Array(MAX_BODY_BYTES + 1) }],
    ['body.type', 415, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    ['auth.missing', 401, { headers: { 'content-type': 'application/json' } }],
  ])('answers %s with %i as a problem and stores nothing', async (code, status, more) => {
    const world = deliveryWorld();
    const answer = await receiveDelivery(world.receive, pushRequest(undefined, more));
    expect(answer).toMatchObject({ status, contentType: 'application/problem+json' });
    expect(JSON.parse(answer.body)).toMatchObject({ code, status });
    expect(world.answers).toEqual([code]);
    expect(await world.deliveries.due(Number.MAX_SAFE_INTEGER, 9)).toEqual([]);
  });

  it.each([
    ['accepted', null, pushRequest()],
    ['ignored', 'ref.not-a-tag', pushRequest('refs/heads/main')],
    ['ignored', 'tag.not-a-release', pushRequest('refs/tags/nightly')],
    ['rejected', 'repository.unknown', pushRequest(undefined, { repository: 'evil/sample' })],
    ['rejected', 'body.not-json', pushRequest(undefined, { body: Buffer.from('{') })],
  ])('answers a good signature with 202 and %s (%s)', async (outcome, code, request) => {
    const world = deliveryWorld();
    const answer = await receiveDelivery(world.receive, request);
    expect(answer.status).toBe(202);
    expect(JSON.parse(answer.body)).toMatchObject({ outcome, code });
    await dispatchDue(world.publish);
    const entries = await entriesOf(world);
    expect(entries.map(({ kind }) => kind)).toEqual(['delivery']);
    expect(world.bus.accepted.length).toBe(outcome === 'accepted' ? 1 : 0);
  });

  it('answers a repeat with the first delivery id and does the work once', async () => {
    const world = deliveryWorld();
    const first = JSON.parse((await receiveDelivery(world.receive, pushRequest())).body);
    const again = JSON.parse((await receiveDelivery(world.receive, pushRequest())).body);
    expect(again).toEqual({ ...first, outcome: 'duplicate' });
    await deliver(world);
    expect((await entriesOf(world)).length).toBe(1);
  });

  it('keeps the name of a person out of row, event and entry', async () => {
    const world = deliveryWorld();
    await deliver(world);
    const [row] = world.bus.accepted;
    expect(JSON.stringify([world.bus.accepted, await entriesOf(world)])).not.toContain('"ana"');
    expect(row?.event.data.actor.id).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('publishing', () => {
  it('rejects a tag its source does not have, with an entry and nothing on the bus', async () => {
    const world = deliveryWorld();
    world.source.tags.clear();
    await deliver(world);
    expect(world.bus.accepted).toEqual([]);
    expect(await entriesOf(world)).toMatchObject([{ outcome: 'refuse', reasons: [{ code: 'tag.not-at-source' }] }]);
  });

  it('gives up a source that stays down with a fault entry, and a redelivery brings it back', async () => {
    const world = deliveryWorld();
    world.source.down = true;
    await receiveDelivery(world.receive, pushRequest());
    for (let round = 0; round < 15; round += 1) {
      await dispatchDue(world.publish);
      world.clock.advance(3_600_000);
    }
    expect(await entriesOf(world)).toMatchObject([{ outcome: 'fault', reasons: [{ found: 'SourceUnreachable' }] }]);
    world.source.down = false;
    await deliver(world);
    expect((await entriesOf(world)).map(({ outcome }) => outcome)).toEqual(['fault', 'info']);
    expect(world.runs.size).toBe(1);
  });

  it('ends with one entry and one run when any port call fails before or after its effect', async () => {
    const probe = { at: -1, when: 'before' as const, calls: 0 };
    const undisturbed = deliveryWorld(probe);
    await deliver(undisturbed);
    expect(probe.calls).toBeGreaterThan(10);
    for (let at = 0; at < probe.calls; at += 1)
      for (const when of ['before', 'after'] as const) {
        const world = deliveryWorld({ at, when, calls: 0 });
        expect(await deliver(world), `${when} call ${at}`).toBe(202);
        expect(
          (await entriesOf(world)).map(({ subjects }) => subjects),
          `${when} call ${at}`,
        ).toEqual((await entriesOf(undisturbed)).map(({ subjects }) => subjects));
        expect([...world.runs.keys()], `${when} call ${at}`).toEqual([...undisturbed.runs.keys()]);
      }
  });
});

describe('a proposed change', () => {
  const HEAD = GitSha.parse('c'.repeat(40));

  it('starts one check of the head that its source shows, however often and late it is announced', async () => {
    const world = deliveryWorld();
    world.source.changes.set('7', HEAD);
    await deliver(world, pullRequest({}));
    await deliver(world, pullRequest({ guid: 'guid-2', action: 'synchronize' }));
    const [name = '', ...others] = world.runs.keys();
    expect(others).toEqual([]);
    expect(name).toMatch(/^change-check-[0-9a-f]{40}$/);
    const subject = { kind: 'change', host: 'github.com', repository: 'acme/sample', number: '7', base: 'main' };
    expect(RunInput.parse(world.runs.get(name)).subject).toEqual({ ...subject, commit: HEAD });
    const released = { kind: 'change', id: 'github.com/acme/sample#7' };
    expect(await entriesOf(world)).toMatchObject([
      { release: released, change: { commit: HEAD } },
      { release: released, change: { commit: HEAD } },
    ]);
  });

  it('is checked again with a new head and with another base', async () => {
    const world = deliveryWorld();
    world.source.changes.set('7', HEAD);
    await deliver(world, pullRequest({}));
    await deliver(world, pullRequest({ guid: 'guid-2', action: 'edited', base: 'stable' }));
    world.source.changes.set('7', GitSha.parse('d'.repeat(40)));
    await deliver(world, pullRequest({ guid: 'guid-3', action: 'synchronize' }));
    expect(world.runs.size).toBe(3);
  });

  it('starts nothing when it is closed, unknown to its source or not to be seen there', async () => {
    const closed = deliveryWorld();
    await deliver(closed, pullRequest({ action: 'closed' }));
    expect(await entriesOf(closed)).toMatchObject([{ outcome: 'info', reasons: [{ code: 'change.not-proposed' }] }]);
    const unknown = deliveryWorld();
    await deliver(unknown, pullRequest({}));
    expect(await entriesOf(unknown)).toMatchObject([
      { outcome: 'refuse', reasons: [{ code: 'change.not-at-source' }] },
    ]);
    const proxied = deliveryWorld(undefined, 'module-proxy');
    await deliver(proxied, pullRequest({}));
    const [entry] = await entriesOf(proxied);
    expect(entry).toMatchObject({ outcome: 'info', reasons: [{ code: 'change.not-shown-by-source' }] });
    expect([closed, unknown, proxied].map(({ runs }) => runs.size)).toEqual([0, 0, 0]);
  });
});

describe('runs', () => {
  async function started() {
    const world = deliveryWorld();
    await deliver(world);
    const [name = ''] = world.runs.keys();
    return { world, name, deps: world.runDeps };
  }

  it('takes the input from the row and refuses an event that differs from it', async () => {
    const { world, name } = await started();
    expect(name).toMatch(/^source-release-[0-9a-f]{40}$/);
    expect(RunInput.parse(world.runs.get(name)).subject).toMatchObject({ commit: COMMIT, resolution: 'resolved' });
    const [message] = world.bus.accepted;
    if (!message) throw new Error('nothing was published');
    const forged = { ...message, event: { ...message.event, subject: 'forged' } };
    await expect(startWorkflow(world.start, forged)).rejects.toMatchObject({ name: 'InputInvalid' });
  });

  it('records the outcome a run ended with, once', async () => {
    const { world, name, deps } = await started();
    const end = {
      name,
      machine: 'source-release',
      status: 'SUCCEEDED',
      output: { outcome: 'refused' },
      redriveCount: 0,
    } as const;
    expect(await recordRunOutcome(deps, end)).toBe('recorded');
    expect(await recordRunOutcome(deps, end)).toBe('nothing');
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'refused' });
    expect(await replayRun(deps, name, ASKED)).toMatchObject({
      code: 'replay.not-failed',
    });
  });

  it('records a fault once and replays it from where it failed, or under the next name', async () => {
    const { world, name, deps } = await started();
    const end = { status: 'FAILED', error: 'ModuleProxyUnreachable', state: 'Verify go.sum' } as const;
    const told = { ...end, name, machine: 'source-release', redriveCount: 0 };
    world.workflows.end(name, end);
    await recordRunOutcome(deps, told);
    await recordRunOutcome(deps, told);
    const [message] = world.bus.accepted;
    if (!message) throw new Error('nothing was published');
    expect(await startWorkflow(world.start, message)).toEqual({ kind: 'needs-replay', runName: name });
    expect(await replayRun(deps, name, ASKED)).toEqual({ kind: 'redriven', runName: name });
    expect((await entriesOf(world)).map(({ kind }) => kind)).toEqual(['delivery', 'fault', 'replay']);
    world.workflows.end(name, end);
    expect(await recordRunOutcome(deps, told)).toBe('nothing');
    expect(await recordRunOutcome(deps, { ...told, redriveCount: 1 })).toBe('recorded');
    const fromStart = { ...ASKED, from: 'start' } as const;
    expect(await replayRun(deps, name, fromStart)).toEqual({ kind: 'started', runName: `${name}-r1` });
    expect(await replayRun(deps, name, ASKED)).toMatchObject({ code: 'replay.superseded', runName: `${name}-r1` });
    expect((await entriesOf(world)).map(({ reasons: [reason] = [] }) => reason?.code)).toEqual([
      undefined,
      'run.failed',
      'run.redriven',
      'run.failed',
      'run.replayed',
    ]);
    expect(await recordRunOutcome(deps, told)).toBe('nothing');
  });

  it('counts an output without an outcome as failed', async () => {
    const { world, name, deps } = await started();
    await recordRunOutcome(deps, {
      name,
      machine: 'source-release',
      status: 'SUCCEEDED',
      output: { outcome: 'ok' },
      redriveCount: 0,
    });
    expect(await world.claims.byRun(name)).toMatchObject({ status: 'failed', error: 'Run.OutcomeUnreadable' });
  });

  it('starts by sweep what was claimed and never started', async () => {
    const { world, name, deps } = await started();
    world.runs.clear();
    expect(await sweepRuns(deps, [world.tenant.id])).toEqual({ recorded: 0, started: 1, takenUp: 0 });
    expect([...world.runs.keys()]).toEqual([name]);
  });

  it('lets only the run that has the claim claim the release', async () => {
    const { world, name } = await started();
    const { businessKey, subject, tenant } = RunInput.parse(world.runs.get(name));
    const run = { tenant, businessKey, machine: 'source-release', name };
    const claim = (changes: object) =>
      claimRelease.run(world, { step: 'claim-release', run: { ...run, ...changes }, subject });
    expect(await claim({})).toEqual({ release: 'github.com/acme/sample@v1.0.0' });
    await expect(claim({ name: `${name}-r1` })).rejects.toMatchObject({ name: 'InputInvalid' });
  });
});
