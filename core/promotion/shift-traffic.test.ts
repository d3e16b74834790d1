import { describe, expect, it } from 'vitest';
import {
  ANA,
  BEN,
  CLEO,
  claimRowOf,
  NEXT,
  OTHER,
  type Person,
  type PromotionWorld,
  promotionWorld,
  STABLE,
  TENANT,
} from '../../test/fakes/promotion-world.ts';
import { keepJsonEvidence, loadJsonEvidence } from '../evidence.ts';
import { decideGate } from '../gate/decide-gate.ts';
import { VerdictRecord } from '../gate/verdict.ts';
import type { RolloutTarget } from '../ports/rollout-target.ts';
import { answerApproval, requestApproval } from './approval.ts';
import { restoreRevision } from './restore-revision.ts';
import { shiftTraffic } from './shift-traffic.ts';

const fault = (name: string) => expect.objectContaining({ name });
const YES = { decision: 'approved' } as const;
const FIRST = { stage: 0, approvals: [] };
const CANARY = { stable: STABLE, canary: NEXT, weight: 10 };

async function decidedWorld(environment = {}) {
  const world = await promotionWorld({ environment });
  expect((await world.decide()).passed).toBe(true);
  return world;
}

/** The approvals that a wait was answered with, after these persons have approved. */
async function approvedBy(world: PromotionWorld, persons: readonly Person[]) {
  world.waiting.add('t1');
  await world.step(requestApproval, { token: 't1' });
  for (const person of persons) await answerApproval(world.deps, world.run.name, YES, person);
  return world.links('approval.given');
}

/** The target of a world, with something that happens right before its next change. */
function beforeSet(world: PromotionWorld, happen: () => Promise<unknown>): RolloutTarget {
  let pending = true;
  return {
    read: () => world.target.read(),
    set: async (state, version) => {
      if (pending) await happen();
      pending = false;
      return world.target.set(state, version);
    },
  };
}

describe('shift-traffic', () => {
  it('says what it will do, does it, and says that it did; again it says and changes nothing more', async () => {
    const world = await decidedWorld();
    for (let time = 0; time < 2; time += 1) await world.step(shiftTraffic, FIRST);
    expect(await world.target.read()).toMatchObject(CANARY);
    expect((await world.kinds()).slice(-2)).toEqual(['stage.shifting', 'stage.shifted']);
    await world.step(shiftTraffic, { stage: 1, approvals: [] });
    expect(await world.target.read()).toMatchObject({ ...CANARY, weight: 100 });
  });

  it('is InputInvalid without a verdict that passed, whatever the payload says', async () => {
    const undecided = await promotionWorld();
    await expect(undecided.step(shiftTraffic, FIRST)).rejects.toThrow(fault('InputInvalid'));
    const refused = await promotionWorld({ release: { refused: true } });
    expect((await refused.decide()).passed).toBe(false);
    await expect(refused.step(shiftTraffic, FIRST)).rejects.toThrow(fault('InputInvalid'));
    expect(refused.target.changes).toHaveLength(1);
  });

  it('is InputInvalid with a verdict that says pass of checks that do not', async () => {
    const world = await promotionWorld({ release: { refused: true } });
    const checks = await world.check();
    const { verdict } = await world.step(decideGate, { gate: 'promote', checks });
    const honest = await loadJsonEvidence(world.worm, TENANT, verdict, VerdictRecord);
    const forged = { ...honest, outcome: 'pass', reasons: [] };
    await world.recordVerdict(await keepJsonEvidence(world.worm, TENANT, 'verdict', forged));
    await expect(world.step(shiftTraffic, FIRST)).rejects.toThrow(fault('InputInvalid'));
    expect(world.target.changes).toHaveLength(1);
  });

  it.each([
    ['another digest', { digest: OTHER }],
    ['another environment', { environment: 'staging' }],
    ['another attempt', { attempt: 1 }],
  ])('is InputInvalid with the verdict on %s', async (_what, change) => {
    const world = await decidedWorld();
    const subject = { ...world.subject, ...change };
    await expect(world.step(shiftTraffic, { ...FIRST, subject })).rejects.toThrow(fault('InputInvalid'));
    expect(world.target.changes).toHaveLength(1);
  });

  it('is InputInvalid for a stage that the plan does not have', async () => {
    const world = await decidedWorld();
    await expect(world.step(shiftTraffic, { stage: 2, approvals: [] })).rejects.toThrow(fault('InputInvalid'));
    expect(await world.kinds()).not.toContain('stage.shifting');
  });

  it('begins only from what the plan pinned: a target that somebody else changed is TargetRefused', async () => {
    const world = await decidedWorld();
    await world.target.set({ stable: OTHER, weight: 0 }, (await world.target.read()).version);
    await expect(world.step(shiftTraffic, FIRST)).rejects.toThrow(fault('TargetRefused'));
    expect(await world.target.read()).toMatchObject({ stable: OTHER, weight: 0 });
  });

  it('does not skip a stage', async () => {
    const world = await decidedWorld();
    await expect(world.step(shiftTraffic, { stage: 1, approvals: [] })).rejects.toThrow(fault('TargetRefused'));
  });

  it('is TargetConflict when the target moves on meanwhile, and then goes by what it finds', async () => {
    const world = await decidedWorld();
    const touch = async () => world.target.set({ stable: STABLE, weight: 0 }, (await world.target.read()).version);
    const target = beforeSet(world, touch);
    const deps = { ...world.deps, targets: async () => ({ ...world.target, ...target }) };
    await expect(world.step(shiftTraffic, FIRST, deps)).rejects.toThrow(fault('TargetConflict'));
    await world.step(shiftTraffic, FIRST);
    expect(await world.target.read()).toMatchObject(CANARY);
  });

  it('is TargetUnreachable when the target does not show what it was given', async () => {
    const world = await decidedWorld();
    const set = async (_state: unknown, version: string) => ({ ...(await world.target.read()), version });
    const deps = { ...world.deps, targets: async () => ({ ...world.target, set }) };
    await expect(world.step(shiftTraffic, FIRST, deps)).rejects.toThrow(fault('TargetUnreachable'));
    expect(await world.kinds()).not.toContain('stage.shifted');
  });

  it('is PromotionEnded once a rollback has begun', async () => {
    const world = await decidedWorld();
    await world.step(restoreRevision);
    await expect(world.step(shiftTraffic, FIRST)).rejects.toThrow(fault('PromotionEnded'));
    expect(world.target.changes).toHaveLength(1);
  });
});

describe('shift-traffic where persons must approve', () => {
  it('goes ahead with the approvals of as many persons as the plan asks for', async () => {
    const world = await decidedWorld({ approvals: 2 });
    const approvals = await approvedBy(world, [BEN, CLEO]);
    await world.step(shiftTraffic, { stage: 0, approvals });
    expect(await world.target.read()).toMatchObject(CANARY);
  });

  it('is InputInvalid with fewer, with one of them twice, and with none', async () => {
    const world = await decidedWorld({ approvals: 2 });
    const [ben, cleo] = await approvedBy(world, [BEN, CLEO]);
    for (const approvals of [[], [ben], [ben, ben], [cleo, cleo]])
      await expect(world.step(shiftTraffic, { stage: 0, approvals })).rejects.toThrow(fault('InputInvalid'));
    expect(world.target.changes).toHaveLength(1);
  });

  it('does not count what was approved on another promotion of the same digest', async () => {
    const world = await decidedWorld({ approvals: 1 });
    const approvals = await approvedBy(world, [BEN]);
    const later = world.attempt(1);
    await world.locks.release(world.run.tenant, 'production', world.run.businessKey);
    expect((await later.decide()).passed).toBe(true);
    await expect(later.step(shiftTraffic, { stage: 0, approvals })).rejects.toThrow(fault('InputInvalid'));
    expect(world.target.changes).toHaveLength(1);
  });

  it('does not count a refusal', async () => {
    const world = await decidedWorld({ approvals: 1 });
    world.waiting.add('t1');
    await world.step(requestApproval, { token: 't1' });
    await answerApproval(world.deps, world.run.name, { decision: 'refused' }, BEN);
    const approvals = await world.links('approval.refused');
    expect(approvals).toHaveLength(1);
    await expect(world.step(shiftTraffic, { stage: 0, approvals })).rejects.toThrow(fault('InputInvalid'));
  });

  it('does not count who asked, by the ledger and not by what a store says', async () => {
    const world = await decidedWorld({ approvals: 1 });
    world.waiting.add('t1');
    const claim = claimRowOf('promotion', world.subject, BEN);
    const forged = { ...world.deps, claims: { ...world.claims, get: async () => claim } };
    await world.step(requestApproval, { token: 't1' }, forged);
    expect(await answerApproval(world.deps, world.run.name, YES, ANA)).toEqual({ kind: 'recorded', missing: 0 });
    const approvals = await world.links('approval.given');
    expect(approvals).toHaveLength(1);
    await expect(world.step(shiftTraffic, { stage: 0, approvals })).rejects.toThrow(fault('InputInvalid'));
  });

  it('is LedgerInconsistent with an approval that the log does not hold, EvidenceMissing with an entry that is none', async () => {
    const world = await decidedWorld({ approvals: 1 });
    const [entry] = await world.links('promotion.requested');
    const shiftBy = (index = 0) => world.step(shiftTraffic, { stage: 0, approvals: [{ index, leaf: entry?.leaf }] });
    await expect(shiftBy(1)).rejects.toThrow(fault('LedgerInconsistent'));
    await expect(shiftBy(1000)).rejects.toThrow(fault('LedgerInconsistent'));
    await expect(shiftBy(entry?.index)).rejects.toThrow(fault('EvidenceMissing'));
  });
});
