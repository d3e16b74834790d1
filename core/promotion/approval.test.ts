import { describe, expect, it } from 'vitest';
import { type FailurePlan, failing } from '../../test/fakes/failing.ts';
import {
  ANA,
  BEN,
  CLEO,
  claimRowOf,
  type Person,
  type PromotionWorld,
  promotionWorld,
  TENANT,
} from '../../test/fakes/promotion-world.ts';
import { type AnswerApprovalDeps, answerApproval, deliverApprovals, requestApproval } from './approval.ts';

const YES = { decision: 'approved' } as const;
const NO = { decision: 'refused', reason: 'not on a Friday' } as const;
const refused = (code: string) => ({ kind: 'refused', code });

/** A promotion that its gate allowed and that waits for persons with the token `t1`. */
async function waitingWorld(approvals = 1) {
  const world = await promotionWorld({ environment: { approvals } });
  await world.decide();
  await wait(world, 't1');
  return world;
}

async function wait(world: PromotionWorld, token: string): Promise<void> {
  world.waiting.add(token);
  await world.step(requestApproval, { token });
}

const answer = (
  world: PromotionWorld,
  decision: typeof YES | typeof NO,
  person: Person,
  deps: AnswerApprovalDeps = world.deps,
) => answerApproval(deps, world.run.name, decision, person);

const approvalsOn = async (world: PromotionWorld) =>
  (await world.entries()).filter(({ kind }) => kind.startsWith('approval.'));

describe('a promotion that waits for approval', () => {
  it('goes on once somebody else approved, and the entry says who on what', async () => {
    const world = await waitingWorld();
    expect(await answer(world, YES, BEN)).toEqual({ kind: 'recorded', missing: 0 });
    const [entry] = await approvalsOn(world);
    expect(entry).toMatchObject({ kind: 'approval.given', outcome: 'pass', actor: BEN, environment: 'production' });
    const index = (await world.kinds()).indexOf('approval.given');
    expect(world.answers).toMatchObject([{ token: 't1', output: { approved: true, approvals: [{ index }] } }]);
    expect(await world.waits.listOpen(TENANT, 'approval', 10)).toEqual([]);
    expect(await answer(world, YES, CLEO)).toEqual(refused('approval.not-open'));
  });

  it('needs as many persons as its plan says', async () => {
    const world = await waitingWorld(2);
    expect(await answer(world, YES, BEN)).toEqual({ kind: 'recorded', missing: 1 });
    expect(world.answers).toEqual([]);
    expect(await answer(world, YES, CLEO)).toEqual({ kind: 'recorded', missing: 0 });
    expect(world.answers).toMatchObject([{ output: { approved: true, approvals: [{}, {}] } }]);
  });

  it('does not count who asked for it, nor anybody twice', async () => {
    const world = await waitingWorld(2);
    expect(await answer(world, YES, ANA)).toEqual(refused('approval.own-request'));
    await answer(world, YES, BEN);
    expect(await answer(world, YES, BEN)).toEqual(refused('approval.already-given'));
    expect(await approvalsOn(world)).toHaveLength(1);
    expect(world.answers).toEqual([]);
  });

  it('ends at the first refusal, whose reason is evidence', async () => {
    const world = await waitingWorld(2);
    await answer(world, YES, BEN);
    expect(await answer(world, NO, CLEO)).toEqual({ kind: 'recorded', missing: 0 });
    expect(world.answers).toMatchObject([{ token: 't1', output: { approved: false, approvals: [] } }]);
    const [, entry] = await approvalsOn(world);
    expect(entry).toMatchObject({ kind: 'approval.refused', reasons: [{ code: 'approval.refused' }], actor: CLEO });
    const [evidence] = entry?.evidence ?? [];
    const record = Buffer.from((await world.worm.get(`t/${TENANT}/evidence/${evidence?.sha256}`)) ?? []).toString();
    expect(JSON.parse(record)).toMatchObject({ decision: 'refused', reason: NO.reason, subject: world.subject });
  });

  it('is not open for a run that is unknown, asks nobody, or has ended', async () => {
    const world = await waitingWorld();
    expect(await answerApproval(world.deps, 'promotion-other', YES, BEN)).toEqual(refused('approval.unknown-run'));
    const silent = await promotionWorld();
    expect(await answer(silent, YES, BEN)).toEqual(refused('approval.not-open'));
    const row = claimRowOf('promotion', world.subject);
    await world.claims.replace({ ...row, status: 'refused' }, row);
    expect(await answer(world, YES, BEN)).toEqual(refused('approval.not-open'));
    expect(await approvalsOn(world)).toEqual([]);
  });

  it('is waited for by nobody once its run has ended, and is closed by the next judge', async () => {
    const world = await waitingWorld();
    await deliverApprovals(world.deps, TENANT);
    expect(await world.waits.listOpen(TENANT, 'approval', 10)).toHaveLength(1);
    const row = claimRowOf('promotion', world.subject);
    await world.claims.replace({ ...row, status: 'failed' }, row);
    await deliverApprovals(world.deps, TENANT);
    expect(await world.waits.listOpen(TENANT, 'approval', 10)).toEqual([]);
    expect(world.answers).toEqual([]);
  });

  it('counts what was approved while its token died', async () => {
    const world = await waitingWorld(2);
    await answer(world, YES, BEN);
    await wait(world, 't2');
    await answer(world, YES, CLEO);
    expect(world.answers).toMatchObject([{ token: 't2', output: { approved: true } }]);
  });

  it('answers a new token at once with what was decided for the dead one', async () => {
    const world = await waitingWorld();
    world.waiting.clear();
    await answer(world, YES, BEN);
    expect(world.answers).toEqual([]);
    await wait(world, 't2');
    expect(world.answers).toMatchObject([{ token: 't2', output: { approved: true } }]);
    expect(await world.waits.listOpen(TENANT, 'approval', 10)).toEqual([]);
  });

  it('takes two decisions at once, each once', async () => {
    const world = await waitingWorld(2);
    const both = await Promise.all([answer(world, YES, BEN), answer(world, YES, CLEO)]);
    expect(both.map((outcome) => outcome.kind)).toEqual(['recorded', 'recorded']);
    expect(await approvalsOn(world)).toHaveLength(2);
    expect(world.answers).toMatchObject([{ output: { approved: true, approvals: [{}, {}] } }]);
  });

  it('tells the person who decided, also when a judge hands the answer over first', async () => {
    const world = await waitingWorld();
    const workflows = {
      ...world.deps.workflows,
      sendTaskSuccess: async (token: string, output: unknown) => {
        await deliverApprovals(world.deps, TENANT);
        return world.deps.workflows.sendTaskSuccess(token, output);
      },
    };
    const told = await answer(world, YES, BEN, { ...world.deps, workflows });
    expect(told).toEqual({ kind: 'recorded', missing: 0 });
    expect(world.answers).toHaveLength(1);
  });

  it('is InputInvalid when nobody is known to have asked', async () => {
    const world = await promotionWorld({ environment: { approvals: 1 } });
    await world.decide();
    const { actor: _actor, ...anonymous } = claimRowOf('promotion', world.subject);
    const deps = { ...world.deps, claims: { ...world.claims, get: async () => anonymous } };
    await expect(world.step(requestApproval, { token: 't1' }, deps)).rejects.toThrow(
      expect.objectContaining({ name: 'InputInvalid' }),
    );
  });
});

describe('a process that dies while a person decides', () => {
  const mortal = (world: PromotionWorld, plan: FailurePlan): AnswerApprovalDeps => ({
    ...world.deps,
    append: failing({ append: world.deps.append }, plan).append,
    waits: failing(world.waits, plan),
    worm: failing(world.worm, plan),
    workflows: failing(world.deps.workflows, plan),
  });
  const never: FailurePlan = { at: -1, when: 'before', calls: 0 };

  it.each(['before', 'after'] as const)('leaves one entry and one answer, %s each durable write', async (when) => {
    const counting = { ...never };
    const undisturbed = await waitingWorld();
    await answer(undisturbed, YES, BEN, mortal(undisturbed, counting));
    expect(counting.calls).toBeGreaterThan(5);
    for (let at = 0; at < counting.calls; at += 1) {
      const world = await waitingWorld();
      const plan = { at, when, calls: 0 };
      await expect(answer(world, YES, BEN, mortal(world, plan)), `call ${at}`).rejects.toThrow('planned');
      // The judge hands over what was decided, the person asks again; in whichever order.
      if (at % 2 === 0) await deliverApprovals(world.deps, TENANT);
      await answer(world, YES, BEN);
      await deliverApprovals(world.deps, TENANT);
      expect(world.answers, `call ${at}`).toEqual(undisturbed.answers);
      expect(await world.kinds(), `call ${at}`).toEqual(await undisturbed.kinds());
      expect(await world.waits.listOpen(TENANT, 'approval', 10), `call ${at}`).toEqual([]);
    }
  });
});
