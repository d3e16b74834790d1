import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { deskWorld, HISTORY } from '../../test/fakes/desk-world.ts';
import { ANA, claimRowOf, NEXT, TENANT } from '../../test/fakes/promotion-world.ts';
import { personIdOf } from '../privacy/person.ts';
import { ACTS, DESK } from './answer-operator.ts';

const image = { host: 'registry.example.com', repository: 'acme/payments', digest: NEXT };
const unknown = `promotion-${'0'.repeat(40)}`;
const GLOBEX = TenantId.parse('globex');

describe('the desk', () => {
  it.each<[string, string, unknown]>([
    ['promotions', 'nothing', undefined],
    ['promotions', 'a tag for a digest', { ...image, digest: 'v1.0.0', environment: 'production' }],
    ['promotions', 'a name to go by', { ...image, environment: 'production', operator: 'somebody else' }],
    ['approvals', 'another decision', { run: unknown, decision: 'perhaps' }],
    ['approvals', 'an empty reason', { run: unknown, decision: 'approved', reason: '' }],
    ['stops', 'a run that is none', { run: '' }],
    ['replay', 'another start', { run: unknown, from: 'end' }],
    ['erasures', 'nobody', { dryRun: true }],
    ['erasures', 'an empty name', { name: '', dryRun: false }],
    ['erasures', 'no word on whether it is dry', { name: 'ana' }],
    ['runs', 'no limit', {}],
    ['runs', 'a limit of nothing', { limit: 0 }],
    ['runs', 'a limit without end', { limit: 1001 }],
    ['runs', 'a status that there is not', { limit: 1, status: 'stuck' }],
    ['run', 'no run', {}],
    ['run', 'a run that is none', { run: 'x'.repeat(81) }],
    ['dead-letters', 'no limit', {}],
    ['dead-letters', 'a limit of nothing', { limit: 0 }],
    ['dead-letters', 'a limit without end', { limit: 1001 }],
    ['redrive', 'an empty id', { id: '' }],
    ['redrive', 'an id that is none', { id: 'x'.repeat(65) }],
    ['redrive', 'another word for all', { all: true }],
    ['constructor', 'what nobody answers', {}],
    ['', 'no name', {}],
  ])('cannot read %s with %s, and asks who it is of nobody', async (name, _what, body) => {
    const { ask, asked } = await deskWorld();
    expect(await ask(name, body)).toEqual({ kind: 'unreadable', code: 'request.invalid' });
    expect(asked).toEqual([]);
  });

  it('says what there is not, and asks who it is of nobody', async () => {
    const { ask, asked } = await deskWorld();
    const answers = [
      await ask('promotions', { ...image, environment: 'production', tenant: GLOBEX }),
      await ask('approvals', { run: unknown, decision: 'approved' }),
      await ask('stops', { run: unknown }),
      await ask('replay', { run: unknown, from: 'failure' }),
      await ask('erasures', { tenant: GLOBEX, name: 'ana', dryRun: false }),
      await ask('erasures', { name: 'ana', dryRun: false }),
      await ask('runs', { tenant: GLOBEX, limit: 1 }),
      await ask('run', { run: unknown }),
    ];
    expect(answers).toEqual(
      [
        { kind: 'refused', code: 'tenant.unknown' },
        { kind: 'refused', code: 'approval.unknown-run' },
        { kind: 'refused', code: 'run.unknown' },
        { kind: 'refused', code: 'replay.unknown', runName: unknown },
        { kind: 'refused', code: 'tenant.unknown' },
        { kind: 'refused', code: 'erase.unknown-person' },
        { kind: 'refused', code: 'tenant.unknown' },
        { kind: 'refused', code: 'run.unknown' },
      ].map((body) => ({ kind: 'answered', body })),
    );
    expect(asked).toEqual([]);
  });

  it('needs the name of a tenant where there are several', async () => {
    const { ask } = await deskWorld({ tenants: [TENANT, GLOBEX] });
    const promotion = { ...image, environment: 'production' };
    expect(await ask('promotions', promotion)).toMatchObject({ body: { code: 'tenant.unknown' } });
    expect(await ask('promotions', { ...promotion, tenant: TENANT })).toMatchObject({ body: { kind: 'started' } });
  });

  it('does what is asked as the person of the tenant whose run it is', async () => {
    const { ask, asked, world, stopped } = await deskWorld();
    const run = world.run.name;
    expect(await ask('promotions', { ...image, environment: 'production' })).toMatchObject({
      body: { kind: 'started', runName: run },
    });
    expect(await ask('approvals', { run, decision: 'approved' })).toMatchObject({
      body: { code: 'approval.not-open' },
    });
    expect(await ask('replay', { run, from: 'failure' })).toMatchObject({ body: { code: 'replay.not-failed' } });
    expect(await ask('stops', { run })).toMatchObject({ body: { kind: 'stopped', runName: run } });
    expect(stopped).toEqual([run]);
    expect(asked).toEqual([TENANT, TENANT, TENANT, TENANT]);
    expect((await world.entries()).at(-1)).toMatchObject({ kind: 'audit.run-stopped', actor: ANA });
  });

  it('lists the runs of its tenants, newest first, and asks who it is of nobody', async () => {
    const { ask, asked, world } = await deskWorld({ tenants: [TENANT, GLOBEX] });
    const older = {
      ...claimRowOf('promotion', { ...world.subject, attempt: 1 }),
      claimedAt: '2026-01-01T00:00:00.000Z',
    };
    await world.claims.claim({ ...older, status: 'failed', error: 'Run.Stopped' });
    const newest = { run: world.run.name, machine: 'promotion', status: 'running', replay: 0, redrives: 0 };
    const failed = { run: older.runName, status: 'failed', error: 'Run.Stopped' };
    const runs = async (body: object) => Object(await ask('runs', body)).body;
    expect(await runs({ limit: 10 })).toMatchObject({ kind: 'listed', runs: [newest, failed] });
    expect(await runs({ limit: 1 })).toMatchObject({ runs: [newest] });
    expect(await runs({ limit: 1, status: 'failed', tenant: TENANT })).toMatchObject({ runs: [failed] });
    expect(await runs({ limit: 10, machine: 'source-release' })).toEqual({ kind: 'listed', runs: [] });
    const rollback = { ...claimRowOf('rollback', world.subject), claimedAt: '2026-01-03T00:00:00.000Z' };
    await world.claims.claim(rollback);
    expect(await runs({ limit: 1 })).toMatchObject({ runs: [{ machine: 'rollback' }] });
    expect(await runs({ limit: 1, machine: 'promotion' })).toMatchObject({ runs: [newest] });
    expect(await runs({ limit: 10, tenant: GLOBEX })).toEqual({ kind: 'listed', runs: [] });
    expect(asked).toEqual([]);
  });

  it('shows a run: its claim, what its engine says and its entries as far as they are projected', async () => {
    const { ask, world, project } = await deskWorld();
    const run = world.run.name;
    await ask('stops', { run });
    const claim = { runName: run, machine: 'promotion', status: 'running' };
    const engine = { description: { status: 'ABORTED', state: 'Claim the promotion' }, ...HISTORY };
    expect(await ask('run', { run })).toMatchObject({
      body: { kind: 'shown', shown: { run, claim, engine, entries: [] } },
    });
    await project();
    expect(await ask('run', { run })).toMatchObject({
      body: { shown: { entries: [{ index: 0, kind: 'audit.run-stopped', outcome: 'info', codes: [] }] } },
    });
  });

  it('lists what was put aside and makes it due again, one or all, and asks who it is of nobody', async () => {
    const { ask, asked, world } = await deskWorld();
    const letters = [
      { id: 'event-1', event: 'event of the test', tries: 5, reason: 'StoreUnavailable' },
      { id: 'status-2', run: world.run.name, tries: 5 },
    ];
    const body = async (name: string, what: object) => Object(await ask(name, what)).body;
    expect(await body('dead-letters', { limit: 1000 })).toEqual({ kind: 'listed', deadLetters: letters });
    expect(await body('dead-letters', { limit: 1 })).toEqual({ kind: 'listed', deadLetters: letters.slice(0, 1) });
    expect(await body('redrive', { id: 'event-1' })).toEqual({ kind: 'redriven', redriven: 1 });
    expect(await body('redrive', { id: 'event-1' })).toEqual({ kind: 'refused', code: 'dead-letter.unknown' });
    expect(await body('redrive', {})).toEqual({ kind: 'redriven', redriven: 1 });
    expect(await body('redrive', {})).toEqual({ kind: 'redriven', redriven: 0 });
    expect(asked).toEqual([]);
  });

  it('knows no run of a tenant that the deployment does not have', async () => {
    const { ask, asked, stopped, world } = await deskWorld({ tenants: [GLOBEX] });
    const run = world.run.name;
    const refusals = [
      await ask('approvals', { run, decision: 'approved' }),
      await ask('stops', { run }),
      await ask('replay', { run, from: 'failure' }),
      await ask('run', { run }),
    ];
    const codes = ['approval.unknown-run', 'run.unknown', 'replay.unknown', 'run.unknown'];
    expect(refusals).toMatchObject(codes.map((code) => ({ body: { kind: 'refused', code } })));
    expect(await ask('runs', { limit: 10 })).toEqual({ kind: 'answered', body: { kind: 'listed', runs: [] } });
    expect([asked, stopped]).toEqual([[], []]);
  });

  it('erases a person as whoever asked, and tells what would go without asking who that is', async () => {
    const { ask, asked, persons, raw } = await deskWorld();
    const id = personIdOf('a test key of pseudonyms', TENANT, { place: 'github/github.com', name: 'ben' });
    await persons.mention(TENANT, [id], 't/acme/raw/1');
    await raw.put('t/acme/raw/1', new Uint8Array(1));
    expect(await ask('erasures', { name: 'ben', dryRun: true })).toMatchObject({ body: { found: [{ objects: 1 }] } });
    expect(asked).toEqual([]);
    expect(await ask('erasures', { name: 'ben', dryRun: false })).toMatchObject({ body: { kind: 'erased' } });
    expect(asked).toEqual([TENANT]);
    expect(await raw.get('t/acme/raw/1')).toBeUndefined();
  });

  it('answers promotions, approvals, stops, replays and erasures everywhere, and tells of runs and letters in a deployment', () => {
    expect(Object.keys(ACTS)).toEqual(['promotions', 'approvals', 'stops', 'replay', 'erasures']);
    expect(Object.keys(DESK)).toEqual([...Object.keys(ACTS), 'runs', 'run', 'dead-letters', 'redrive']);
  });
});
