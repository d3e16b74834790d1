import { describe, expect, it } from 'vitest';
import { manualClock } from '../../../test/fakes/manual-clock.ts';
import { createTimers } from './timers.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A clock that counts how often somebody lies down to sleep. */
function timerWorld() {
  const clock = manualClock(0);
  let sleeps = 0;
  const counting: typeof clock = {
    ...clock,
    sleep: (ms, signal) => {
      sleeps += 1;
      return clock.sleep(ms, signal);
    },
  };
  return { clock, timers: createTimers(counting), sleeps: () => sleeps };
}

/** Scattered instants, the same each time: no two neighbours in order. */
const scattered = (count: number): number[] => Array.from({ length: count }, (_n, at) => 1 + ((at * 7919) % count));

describe('timers', () => {
  it('call back in the order of their instants, those of one instant in the order they were made', async () => {
    const { clock, timers } = timerWorld();
    const called: string[] = [];
    for (const [name, instant] of [
      ['c', 30],
      ['a', 10],
      ['d', 30],
      ['b', 20],
    ] as const)
      timers.at(instant, () => called.push(name));
    clock.advance(19);
    await turn();
    expect(called).toEqual(['a']);
    clock.advance(100);
    await turn();
    expect(called).toEqual(['a', 'b', 'c', 'd']);
  });

  it('keep 10,000 in order while every other one is called off, in one sleep at a time', async () => {
    const { clock, timers, sleeps } = timerWorld();
    const instants = scattered(10_000);
    const called: number[] = [];
    const callOffs = instants.map((instant) => timers.at(instant, () => called.push(instant)));
    for (const [at, callOff] of callOffs.entries()) if (at % 2 === 0) callOff();
    // Only an earlier instant than all before it makes the sleeper lie down anew.
    expect(sleeps()).toBeLessThan(20);
    clock.advance(10_000);
    await turn();
    const kept = instants.filter((_instant, at) => at % 2 === 1);
    expect(called).toEqual([...kept].sort((a, b) => a - b));
  });

  it('do not call back what an earlier callback of the same moment has called off', async () => {
    const { clock, timers } = timerWorld();
    const called: string[] = [];
    let callOff = () => {};
    timers.at(5, () => {
      called.push('first');
      callOff();
    });
    callOff = timers.at(5, () => called.push('second'));
    clock.advance(5);
    await turn();
    expect(called).toEqual(['first']);
  });

  it('leave what a callback adds for the same moment to the next round', async () => {
    const { clock, timers } = timerWorld();
    let rounds = 0;
    const again = (): void => {
      rounds += 1;
      if (rounds < 5) timers.at(0, again);
    };
    timers.at(1, again);
    clock.advance(1);
    for (let turns = 0; turns < 6; turns += 1) await turn();
    expect(rounds).toBe(5);
  });

  it('sleep no more when all are called off or closed, and calling off twice is nothing', async () => {
    const { clock, timers } = timerWorld();
    const callOff = timers.at(5, () => expect.unreachable());
    const other = timers.at(6, () => expect.unreachable());
    callOff();
    callOff();
    other();
    expect(clock.toNextSleeper()).toBe(false);
    timers.at(7, () => expect.unreachable());
    timers.close();
    other();
    expect(clock.toNextSleeper()).toBe(false);
    await turn();
  });
});
