import { describe, expect, it } from 'vitest';
import { TenantId } from '../../events/fields.ts';
import { countingIds } from '../../test/fakes/counting-ids.ts';
import { ANA, NEXT, promotionWorld, TENANT } from '../../test/fakes/promotion-world.ts';
import { answerOperator, DESK, type DeskDeps, type Person } from './answer-operator.ts';

const image = { host: 'registry.example.com', repository: 'acme/payments', digest: NEXT };
const unknown = `promotion-${'0'.repeat(40)}`;
const GLOBEX = TenantId.parse('globex');

/** A desk, and whom it asked to name the person for. */
async function desk({ tenants = [TENANT] }: { tenants?: readonly TenantId[] } = {}) {
  const world = await promotionWorld({ release: false });
  const asked: TenantId[] = [];
  const stopped: string[] = [];
  const deps: DeskDeps = {
    ...world.deps,
    ids: countingIds(),
    tenants,
    workflows: {
      ...world.deps.workflows,
      describe: async () => undefined,
      redrive: async () => 'impossible',
      stop: async (_machine, name) => {
        stopped.push(name);
      },
    },
    compensate: async () => undefined,
    personOf: async (tenant): Promise<Person> => {
      asked.push(tenant);
      return ANA;
    },
  };
  return { world, asked, stopped, ask: (name: string, body: unknown) => answerOperator(deps, name, body) };
}

describe('the desk', () => {
  it.each<[string, string, unknown]>([
    ['promotions', 'nothing', undefined],
    ['promotions', 'a tag for a digest', { ...image, digest: 'v1.0.0', environment: 'production' }],
    ['promotions', 'a name to go by', { ...image, environment: 'production', operator: 'somebody else' }],
    ['approvals', 'another decision', { run: unknown, decision: 'perhaps' }],
    ['approvals', 'an empty reason', { run: unknown, decision: 'approved', reason: '' }],
    ['stops', 'a run that is none', { run: '' }],
    ['replay', 'another start', { run: unknown, from: 'end' }],
    ['constructor', 'what nobody answers', {}],
    ['', 'no name', {}],
  ])('cannot read %s with %s, and asks who it is of nobody', async (name, _what, body) => {
    const { ask, asked } = await desk();
    expect(await ask(name, body)).toEqual({ kind: 'unreadable', code: 'request.invalid' });
    expect(asked).toEqual([]);
  });

  it('says what there is not, and asks who it is of nobody', async () => {
    const { ask, asked } = await desk();
    const answers = [
      await ask('promotions', { ...image, environment: 'production', tenant: GLOBEX }),
      await ask('approvals', { run: unknown, decision: 'approved' }),
      await ask('stops', { run: unknown }),
      await ask('replay', { run: unknown, from: 'failure' }),
    ];
    expect(answers).toEqual(
      [
        { kind: 'refused', code: 'tenant.unknown' },
        { kind: 'refused', code: 'approval.unknown-run' },
        { kind: 'refused', code: 'run.unknown' },
        { kind: 'refused', code: 'replay.unknown', runName: unknown },
      ].map((body) => ({ kind: 'answered', body })),
    );
    expect(asked).toEqual([]);
  });

  it('needs the name of a tenant where there are several', async () => {
    const { ask } = await desk({ tenants: [TENANT, GLOBEX] });
    const promotion = { ...image, environment: 'production' };
    expect(await ask('promotions', promotion)).toMatchObject({ body: { code: 'tenant.unknown' } });
    expect(await ask('promotions', { ...promotion, tenant: TENANT })).toMatchObject({ body: { kind: 'started' } });
  });

  it('does what is asked as the person of the tenant whose run it is', async () => {
    const { ask, asked, world, stopped } = await desk();
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

  it('answers promotions, approvals, stops and replays', () =>
    expect(Object.keys(DESK)).toEqual(['promotions', 'approvals', 'stops', 'replay']));
});
