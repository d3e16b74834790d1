import { describe, expect, it } from 'vitest';
import { createSlots } from './slots.ts';

const open = () => new AbortController().signal;

/** Tasks of these tenants in line, in this order; the names of the tenants in the order of their turns. */
async function turnsOf(tenants: readonly string[]): Promise<string[]> {
  const slots = createSlots(1);
  await slots.take('first', open());
  const turns: string[] = [];
  const waiting = tenants.map(async (tenant) => {
    await slots.take(tenant, open());
    turns.push(tenant);
    slots.release();
  });
  slots.release();
  await Promise.all(waiting);
  return turns;
}

describe('slots', () => {
  it('are given first come, first served', async () => {
    const slots = createSlots(1);
    const order: string[] = [];
    await slots.take('t', open());
    const waiting = ['a', 'b'].map(async (name) => {
      await slots.take('t', open());
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
    await slots.take('t', open());
    const cancelled = new AbortController();
    const taking = slots.take('t', cancelled.signal);
    slots.release();
    cancelled.abort();
    await expect(taking).rejects.toMatchObject({ name: 'Cancelled' });
    let taken = false;
    void slots.take('t', open()).then(() => {
      taken = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(taken).toBe(true);
  });

  it('are not taken by a run that was cancelled while it waited', async () => {
    const slots = createSlots(1);
    await slots.take('t', open());
    const cancelled = new AbortController();
    const taking = slots.take('t', cancelled.signal);
    cancelled.abort();
    await expect(taking).rejects.toMatchObject({ name: 'Cancelled' });
    const next = slots.take('t', open());
    slots.release();
    await expect(next).resolves.toBeUndefined();
  });

  it('are free to whoever asks without waiting only while one is left and nobody is in line', async () => {
    const slots = createSlots(1);
    expect(slots.takeFree()).toBe(true);
    expect(slots.takeFree()).toBe(false);
    const waiting = slots.take('t', open());
    slots.release();
    expect(slots.takeFree()).toBe(false);
    await waiting;
    slots.release();
    expect(slots.takeFree()).toBe(true);
  });

  it('go round the tenants, so that one with a thousand in line keeps no other waiting', async () => {
    const turns = await turnsOf([...new Array<string>(1000).fill('flood'), 'a', 'b', 'a']);
    expect(turns.slice(0, 6)).toEqual(['flood', 'a', 'b', 'flood', 'a', 'flood']);
    expect(turns.length).toBe(1003);
  });

  it('are first come, first served within a tenant, and one that comes anew is last in the round', async () => {
    expect(await turnsOf(['a', 'b', 'a', 'c', 'b'])).toEqual(['a', 'b', 'c', 'a', 'b']);
  });
});
