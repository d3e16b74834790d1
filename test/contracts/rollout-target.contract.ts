import { expect, it } from 'vitest';
import type { ObservedRollout, RolloutState, RolloutTarget } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';

const digestOf = (digit: string) => OciDigest.parse(`sha256:${digit.repeat(64)}`);
/** The revisions that the target under test must know; it knows no other. */
export const KNOWN_REVISIONS = [digestOf('a'), digestOf('b')] as const;
const [stable, canary] = KNOWN_REVISIONS;
const unknown = digestOf('c');
const stateOf = ({ version, ...state }: ObservedRollout): RolloutState => state;

/** What every rollout target must do. */
export function rolloutTargetContract(make: () => RolloutTarget | Promise<RolloutTarget>): void {
  it('runs nothing when it is new', async () => {
    const target = await make();
    expect(stateOf(await target.read())).toEqual({ weight: 0 });
  });

  it.each<RolloutState>([
    { stable, weight: 0 },
    { stable, canary, weight: 0 },
    { stable, canary, weight: 10 },
    { stable, canary, weight: 100 },
    { canary, weight: 100 },
    { weight: 0 },
  ])('shows what was set: %j', async (state) => {
    const target = await make();
    const { version } = await target.set({ stable, canary, weight: 50 }, (await target.read()).version);
    const set = await target.set(state, version);
    expect(stateOf(set)).toEqual(state);
    expect(await target.read()).toEqual(set);
  });

  it('is at another version after each change, also after one that sets what is set already', async () => {
    const target = await make();
    const versions = [(await target.read()).version];
    for (const state of [{ stable, weight: 0 }, { stable, weight: 0 }, { weight: 0 }])
      versions.push((await target.set(state, versions.at(-1) ?? '')).version);
    expect(new Set(versions).size).toBe(4);
    expect((await target.read()).version).toBe(versions.at(-1));
    expect((await target.read()).version).toBe(versions.at(-1));
  });

  it('takes no change from whoever has not seen the last one', async () => {
    const target = await make();
    const { version: stale } = await target.read();
    const last = await target.set({ stable, weight: 0 }, stale);
    for (const version of [stale, 'unheard-of'])
      await expect(target.set({ stable, canary, weight: 50 }, version)).rejects.toMatchObject({
        name: 'TargetConflict',
      });
    expect(await target.read()).toEqual(last);
  });

  it('takes one of several changes that meet', async () => {
    const target = await make();
    const { version } = await target.read();
    const tries = [1, 2, 3].map((weight) => target.set({ stable, canary, weight }, version));
    const settled = await Promise.allSettled(tries);
    const taken = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    expect(taken).toEqual([await target.read()]);
    for (const each of settled)
      if (each.status === 'rejected') expect(each.reason).toMatchObject({ name: 'TargetConflict' });
  });

  it.each<[string, RolloutState]>([
    ['an unknown stable revision', { stable: unknown, weight: 0 }],
    ['an unknown canary', { stable, canary: unknown, weight: 10 }],
    ['a weight without a canary', { stable, weight: 10 }],
    ['a weight below 0', { stable, canary, weight: -1 }],
    ['a weight above 100', { stable, canary, weight: 101 }],
    ['a part of a per cent', { stable, canary, weight: 0.5 }],
    ['a weight that is no number', { stable, canary, weight: Number.NaN }],
  ])('refuses %s and changes nothing', async (_what, state) => {
    const target = await make();
    const before = await target.set({ stable, weight: 0 }, (await target.read()).version);
    await expect(target.set(state, before.version)).rejects.toMatchObject({ name: 'TargetRefused' });
    expect(await target.read()).toEqual(before);
  });
}
