import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { findServer } from '../../cli/control.ts';
import { packageRoot } from '../../cli/package-root.ts';
import { askForApproval, askForPromotion } from '../../cli/promotion-control.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { ClaimRow } from '../../core/ports/claim-store.ts';
import { type DemoStores, entriesOfRun, until } from '../../demo/cases.ts';
import { IMAGES } from '../../demo/inputs.ts';
import { TenantId } from '../../events/fields.ts';
import type { EmbeddedTwin } from './embedded-twin.ts';
import { callApi } from './emulator.ts';
import { describeErasure } from './emulator-erasure.ts';
import { describeLetters } from './emulator-letters.ts';
import { createPrincipals } from './emulator-principals.ts';
import { type Principal, signedPost } from './emulator-signed.ts';
import { type EmulatorWorld, ENVIRONMENTS, REGISTRY_HOST, TENANT } from './emulator-world.ts';
import { STABLE } from './loopback-rollout.ts';

const tenant = TenantId.parse(TENANT);
const PATIENCE_MS = 60_000;
const HEALTHY = '0.001';
const FAILING = '0.5';

const Started = z.object({ kind: z.enum(['started', 'known']), runName: z.string() });

const Seen = z.looseObject({ entries: z.array(z.object({ index: z.int(), kind: z.string(), outcome: z.string() })) });

const Runs = z.object({ runs: z.array(z.looseObject({ run: z.string(), error: z.string().optional() })) });
const Shown = z.looseObject({
  engine: z.looseObject({
    definition: z.string(),
    functions: z.array(z.string()),
    states: z.array(z.looseObject({ state: z.string(), outcome: z.string() })),
  }),
});

const endedIn = ({ claims }: DemoStores, run: string) =>
  until(
    `end of ${run}`,
    async () => {
      const claim = await claims.byRun(run);
      return claim && claim.status !== 'running' ? claim : undefined;
    },
    PATIENCE_MS,
  );

/**
 * What a run put on the ledger, less what differs from engine to engine: when, who, how often a stage was looked at before
 * it was decided, and evidence that names the hash of an entry. The plan is the same to the byte.
 */
async function essenceOf(stores: DemoStores, run: string): Promise<string[]> {
  const entries = (await entriesOfRun(stores, TENANT, run)).map(({ entry }) => entry);
  return entries
    .filter(({ kind, outcome }) => kind !== 'tick' || outcome !== 'info')
    .map(({ at: _at, prev: _prev, trace: _trace, actor: _actor, evidence = [], ...rest }) =>
      canonicalJson({ ...rest, evidence: evidence.map((ref) => (ref.kind === 'promotion-plan' ? ref : ref.kind)) }),
    )
    .sort();
}

/** A command as a shell runs it, with the keys of a principal in its environment. */
async function relseal(
  { emulator, api }: Pick<EmulatorWorld, 'emulator' | 'api'>,
  { accessKeyId, secretAccessKey }: Principal,
  args: readonly string[],
) {
  const { endpoint, region } = emulator.client;
  // The API by its path: names below localhost are not resolved everywhere.
  const server = `${endpoint}/_aws/execute-api/${new URL(api).host.split('.')[0]}/$default`;
  const keys = { AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  const program = join(packageRoot, 'cli', 'relseal.mjs');
  const child = spawn(process.execPath, [program, ...args, '--server', server, '--json'], {
    env: { PATH: process.env.PATH, ...keys },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      printed[name] += text;
    });
  const [code]: unknown[] = await once(child, 'close');
  return { code, ...printed };
}

/** Promotions of the image that the journey has released, asked for by signed requests. */
export function describePromotions(worldOf: () => EmulatorWorld, twinOf: () => EmbeddedTwin | undefined): void {
  let people: ReadonlyMap<string, Principal>;
  beforeAll(async () => {
    people = await createPrincipals(worldOf().emulator, { alice: ['*'], bob: ['approvals'], mallory: [] });
  });
  const nobody = { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: 'a secret that nobody has' };

  const ask = async (name: string, route: string, body: unknown) => {
    const who = people.get(name) ?? nobody;
    const { emulator, api } = worldOf();
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const url = new URL(`${api}/control/${route}`);
    const answer = await signedPost(emulator, { url, service: 'execute-api', body: text }, who);
    return { status: answer.status, body: z.looseObject({}).parse(JSON.parse(answer.body.toString())) };
  };
  const command = (name: string, ...args: string[]) => relseal(worldOf(), people.get(name) ?? nobody, args);
  const image = () => ({
    host: REGISTRY_HOST,
    repository: IMAGES.good.repository,
    digest: worldOf().inputs.images.good.digest,
  });
  const promote = async (environment: { readonly name: string }) => {
    const { status, body } = await ask('alice', 'promotions', { ...image(), environment: environment.name });
    expect(status, JSON.stringify(body)).toBe(200);
    return Started.parse(body).runName;
  };
  /** What the schedule does each minute, for ticks that are a second. */
  const judge = async () => {
    const { emulator, functionNamed } = worldOf();
    const path = `/2015-03-31/functions/${functionNamed('judge-stages')}/invocations`;
    const url = new URL(path, emulator.client.endpoint);
    const answer = await signedPost(emulator, { url, service: 'lambda', body: '{}' }, emulator.client.credentials);
    expect(answer.headers['x-amz-function-error'], answer.body.toString()).toBeUndefined();
  };
  const ended = (run: string) => endedIn(worldOf().stores, run);
  const judged = (run: string) =>
    until(
      `end of ${run}`,
      async () => {
        await judge();
        const claim = await worldOf().stores.claims.byRun(run);
        return claim && claim.status !== 'running' ? claim : undefined;
      },
      PATIENCE_MS,
    );
  const waitsForApproval = (run: string) =>
    until(
      `question about ${run}`,
      async () => {
        const open = await worldOf().stores.waits.listOpen(tenant, 'approval', 100);
        return open.find(({ runName }) => runName === run);
      },
      PATIENCE_MS,
    );
  const saidIn = async (run: string) => {
    const kinds = (await entriesOfRun(worldOf().stores, TENANT, run)).map(
      ({ entry }) => `${entry.kind} ${entry.outcome}`,
    );
    return kinds.filter((kind) => kind !== 'tick info');
  };
  const rollbackOf = ({ businessKey }: ClaimRow) => `rollback-${businessKey.slice(0, 40)}`;
  const running = async ({ name }: { readonly name: string }) => {
    const { version: _version, ...state } = await worldOf().rollout.target(name).read();
    return state;
  };

  describe('whoever asks', () => {
    it('is refused without a signature, and without the permission of the account', async () => {
      const { emulator, api } = worldOf();
      const body = { ...image(), environment: ENVIRONMENTS.approved.name };
      for (const name of ['a stranger', 'mallory', 'bob'])
        expect((await ask(name, 'promotions', body)).status, name).toBe(403);
      const unsigned = await callApi(emulator, api, '/control/promotions', {
        method: 'POST',
        body: JSON.stringify(body),
      });
      expect(unsigned.status).toBe(403);
    });

    it.each<[string, string, unknown]>([
      ['promotions', 'no JSON', '{'],
      ['promotions', 'no digest', { ...{ host: 'a', repository: 'b', environment: 'c' } }],
      ['promotions', 'a name to go by', { operator: 'somebody else' }],
      ['approvals', 'no decision', { run: 'promotion-1' }],
      ['stops', 'no run', {}],
      ['replay', 'an end that there is not', { run: 'promotion-1', from: 'end' }],
    ])('is told that %s with %s cannot be read', async (route, _what, body) => {
      expect(await ask('alice', route, body)).toEqual({ status: 400, body: { code: 'request.invalid' } });
    });

    it('is told what there is not', async () => {
      const run = `promotion-${'0'.repeat(40)}`;
      const refusals = [
        await ask('alice', 'promotions', { ...image(), environment: 'moon' }),
        await ask('alice', 'promotions', { ...image(), environment: 'production', tenant: 'nobody' }),
        await ask('bob', 'approvals', { run, decision: 'approved' }),
        await ask('alice', 'stops', { run }),
        await ask('alice', 'replay', { run, from: 'failure' }),
      ];
      expect(refusals.map(({ status }) => status)).toEqual(refusals.map(() => 200));
      expect(refusals.map(({ body }) => body)).toMatchObject([
        { kind: 'refused', code: 'promotion.environment-unknown' },
        { kind: 'refused', code: 'tenant.unknown' },
        { kind: 'refused', code: 'approval.unknown-run' },
        { kind: 'refused', code: 'run.unknown' },
        { kind: 'refused', code: 'replay.unknown' },
      ]);
    });
  });

  it('promotes a healthy image stage by stage, once somebody else has approved', async () => {
    const { rollout } = worldOf();
    const environment = ENVIRONMENTS.approved;
    rollout.measure(environment.name, HEALTHY);
    const run = await promote(environment);
    expect((await ask('alice', 'promotions', { ...image(), environment: environment.name })).body).toEqual({
      kind: 'known',
      runName: run,
    });
    await waitsForApproval(run);
    const approval = { run, decision: 'approved' };
    expect((await ask('alice', 'approvals', approval)).body).toEqual({
      kind: 'refused',
      code: 'approval.own-request',
    });
    expect((await ask('bob', 'approvals', approval)).body).toEqual({ kind: 'recorded', missing: 0 });
    expect((await ask('bob', 'approvals', approval)).body).toEqual({ kind: 'refused', code: 'approval.not-open' });
    expect(await judged(run)).toMatchObject({ status: 'passed', machine: 'promotion' });
    expect(await running(environment)).toEqual({ stable: image().digest, weight: 0 });
    expect(rollout.changes.get(environment.name)).toEqual(['canary 10', 'canary 100', 'stable 0']);
    expect(await saidIn(run)).toEqual([
      'promotion.requested info',
      'check pass',
      'check pass',
      'check pass',
      'verdict pass',
      'approval.given pass',
      'stage.shifting info',
      'stage.shifted info',
      'tick pass',
      'stage.shifting info',
      'stage.shifted info',
      'tick pass',
      'promotion.closed pass',
    ]);
  });

  it('takes a breach back, once', async () => {
    const { rollout, stores } = worldOf();
    const environment = ENVIRONMENTS.failing;
    rollout.measure(environment.name, FAILING);
    const claim = await judged(await promote(environment));
    expect(claim).toMatchObject({ status: 'refused' });
    const rollback = await ended(rollbackOf(claim));
    expect(rollback).toMatchObject({ status: 'passed', machine: 'rollback', businessKey: claim.businessKey });
    expect(await running(environment)).toEqual({ stable: STABLE, weight: 0 });
    expect(rollout.changes.get(environment.name)).toEqual(['canary 10', 'stable 0']);
    expect(await saidIn(rollback.runName)).toEqual(['rollback.started info', 'rollback.completed pass']);
    expect(await saidIn(claim.runName)).toContain('tick refuse');
    const rollbacks = (await stores.claims.list(tenant, { limit: 1000 })).filter(
      ({ machine }) => machine === 'rollback',
    );
    expect(rollbacks).toHaveLength(1);
  });

  it('has the same ledger content as the embedded engine has for the same promotions', async () => {
    const twin = twinOf();
    const server = twin && (await findServer(twin.folder));
    if (!twin || !server) throw new Error('there is no embedded server');
    for (const { name: environment, approvals } of [ENVIRONMENTS.approved, ENVIRONMENTS.failing]) {
      const asked = await askForPromotion(server, { ...image(), environment, operator: 'alice' });
      const { runName: run } = Started.parse(asked);
      if (approvals > 0)
        await until('recorded approval', async () => {
          const said = await askForApproval(server, { run, decision: 'approved', operator: 'bob' });
          return said.kind === 'recorded' ? said : undefined;
        });
      const claim = await endedIn(twin.stores, run);
      const runs = claim.status === 'passed' ? [run] : [run, (await endedIn(twin.stores, rollbackOf(claim))).runName];
      for (const name of runs)
        expect(await essenceOf(worldOf().stores, name), name).toEqual(await essenceOf(twin.stores, name));
    }
  });

  it('tries a step again whose answer was lost, and says once what it did', async () => {
    const { rollout } = worldOf();
    const environment = ENVIRONMENTS.retried;
    rollout.measure(environment.name, HEALTHY);
    rollout.fates.push('lost');
    const run = await promote(environment);
    expect(await judged(run)).toMatchObject({ status: 'passed' });
    expect(rollout.fates).toEqual([]);
    expect(rollout.changes.get(environment.name)).toEqual(['canary 10', 'canary 10', 'canary 100', 'stable 0']);
    const shifts = (await saidIn(run)).filter((kind) => kind.startsWith('stage.'));
    expect(shifts).toEqual(['stage.shifting info', 'stage.shifted info', 'stage.shifting info', 'stage.shifted info']);
  });

  it('takes back what somebody stops', async () => {
    const { rollout, stores } = worldOf();
    const environment = ENVIRONMENTS.stopped;
    rollout.measure(environment.name, HEALTHY);
    const run = await promote(environment);
    await until(
      'open stage',
      async () => (await stores.waits.listOpen(tenant, 'stage', 100)).find(({ runName }) => runName === run),
      PATIENCE_MS,
    );
    expect((await ask('alice', 'stops', { run })).body).toEqual({ kind: 'stopped', runName: run });
    const claim = await ended(run);
    expect(claim).toMatchObject({ status: 'failed', error: 'Run.Stopped' });
    expect(await ended(rollbackOf(claim))).toMatchObject({ status: 'passed' });
    expect(await running(environment)).toEqual({ stable: STABLE, weight: 0 });
    expect((await ask('alice', 'stops', { run })).body).toEqual({ kind: 'refused', code: 'run.ended' });
    const replay = await command('alice', 'replay', run);
    expect(replay).toMatchObject({ code: 0, stderr: '' });
    const again = await judged(Started.parse(JSON.parse(replay.stdout)).runName);
    expect(again).toMatchObject({ status: 'passed', actor: { authenticated: 'aws-iam' } });
    expect(again.businessKey).not.toBe(claim.businessKey);
    expect(await running(environment)).toEqual({ stable: image().digest, weight: 0 });
    expect(await stores.claims.byRun(rollbackOf(again))).toBeUndefined();
  });

  it('tells the commands of whoever signs how its runs stand, and nobody else', async () => {
    const failed = await command('alice', 'runs', 'list', '--status', 'failed', '--machine', 'promotion');
    const { runs } = z.object({ runs: z.array(z.looseObject({ run: z.string() })) }).parse(JSON.parse(failed.stdout));
    expect(runs).toMatchObject([{ status: 'failed', error: 'Run.Stopped' }]);
    const run = runs[0]?.run ?? '';
    const said = (await entriesOfRun(worldOf().stores, TENANT, run)).map(
      ({ entry }) => `${entry.kind} ${entry.outcome}`,
    );
    const shown = await until(
      'projected entries',
      async () => {
        const { stdout } = await command('alice', 'runs', 'show', run);
        const seen = Seen.parse(JSON.parse(stdout));
        return seen.entries.length === said.length ? seen : undefined;
      },
      PATIENCE_MS,
    );
    expect(shown).toMatchObject({ run, claim: { status: 'failed' }, engine: { description: { status: 'ABORTED' } } });
    expect(shown.entries.map(({ kind, outcome }) => `${kind} ${outcome}`).sort()).toEqual(said.sort());
    const refused = await command('alice', 'replay', run);
    expect([refused.code, JSON.parse(refused.stdout)]).toMatchObject([1, { code: 'replay.superseded' }]);
    for (const name of ['a stranger', 'mallory', 'bob']) {
      const { code, stdout, stderr } = await command(name, 'runs', 'show', run);
      expect([code, stdout], name).toEqual([3, '']);
      expect(stderr).toContain('answered 403');
    }
  });

  it.each(['before', 'after'] as const)('calls a function again whose process died %s its effect', async (when) => {
    const { rollout, stores } = worldOf();
    const environment = ENVIRONMENTS[when === 'before' ? 'crashing' : 'late'];
    rollout.measure(environment.name, HEALTHY);
    rollout.fates.push(when);
    const claim = await judged(await promote(environment));
    expect(claim).toMatchObject({ status: 'passed' });
    expect(rollout.fates).toEqual([]);
    expect(await running(environment)).toEqual({ stable: image().digest, weight: 0 });
    expect(await stores.claims.byRun(rollbackOf(claim))).toBeUndefined();
    const shifts = (await saidIn(claim.runName)).filter((kind) => kind.startsWith('stage.'));
    expect(shifts).toEqual(['stage.shifting info', 'stage.shifted info', 'stage.shifting info', 'stage.shifted info']);
  });

  it('ends a run on the code it began on, whatever is deployed while it waits', async () => {
    const { rollout, deployFailing } = worldOf();
    const environment = ENVIRONMENTS.open;
    rollout.measure(environment.name, HEALTHY);
    const run = await promote(environment);
    await waitsForApproval(run);
    await deployFailing('shift-traffic', 'SecondVersion');
    expect((await ask('bob', 'approvals', { run, decision: 'approved' })).body).toMatchObject({ kind: 'recorded' });
    expect(await judged(run)).toMatchObject({ status: 'passed' });
    expect(await running(environment)).toEqual({ stable: image().digest, weight: 0 });
    // A run that starts now takes the new code: here, code that only fails.
    const claim = await ended(await promote(ENVIRONMENTS.failing));
    expect(claim).toMatchObject({ status: 'failed', error: 'SecondVersion' });
    expect(await ended(rollbackOf(claim))).toMatchObject({ status: 'passed' });
  });

  it('shows the states of a run that failed, and on which code it did', async () => {
    const failed = await command('alice', 'runs', 'list', '--status', 'failed', '--machine', 'promotion');
    const { runs } = Runs.parse(JSON.parse(failed.stdout));
    const run = runs.find(({ error }) => error === 'SecondVersion')?.run ?? '';
    const { engine } = Shown.parse(JSON.parse((await command('alice', 'runs', 'show', run)).stdout));
    expect(engine.states.slice(0, 2).map(({ state }) => state)).toEqual(['Claim the promotion', 'Record the request']);
    expect(engine.states.slice(-3).map(({ state }) => state)).toEqual([
      'Shift traffic',
      'Roll back after a fault',
      'Faulted',
    ]);
    const [shift, rollBack, end] = engine.states.slice(-3);
    expect(shift).toMatchObject({ outcome: 'caught', error: 'SecondVersion', cause: 'made to fail' });
    expect([rollBack?.outcome, end?.outcome]).toEqual(['succeeded', 'failed']);
    expect(engine.functions).toContainEqual(expect.stringMatching(/ShiftTrafficFunction.*:\d+$/));
    expect(engine.definition).toMatch(/^[0-9a-f]{64}$/);
  });

  describeLetters(worldOf, command);

  describeErasure(worldOf, command);
}
