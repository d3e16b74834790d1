import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

const open = () => new AbortController().signal;

describe('slots', () => {
  it('are given first come, first served', async () => {
    const slots = createSlots(1);
    const order: string[] = [];
    await slots.take(open());
    const waiting = ['a', 'b'].map(async (name) => {
      await slots.take(open());
      order.push(name);
    });
    slots.release();
    await waiting[0];
    expect(order).toEqual(['a']);
    slots.release();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b']);
  });

  it('are not lost when one is given to a run that is cancelled at that very moment', async () => {
    const slots = createSlots(1);
    await slots.take(open());
    const cancelled = new AbortController();
    const taking = slots.take(cancelled.signal);
    slots.release();
    cancelled.abort();
    await expect(taking).rejects.toMatchObject({ name: 'Cancelled' });
    let taken = false;
    void slots.take(open()).then(() => {
      taken = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(true);
  });

  it('are not taken by a run that was cancelled while it waited', async () => {
    const slots = createSlots(1);
    await slots.take(open());
    const cancelled = new AbortController();
    const taking = slots.take(cancelled.signal);
    cancelled.abort();
    await expect(taking).rejects.toMatchObject({ name: 'Cancelled' });
    const next = slots.take(open());
    slots.release();
    await expect(next).resolves.toBeUndefined();
  });
});
