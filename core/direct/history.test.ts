import { describe, expect, it } from 'vitest';
import { objectMaker } from '../../test/fakes/git-packs.ts';
import { descendsFrom, readHistory } from './history.ts';

describe('a history', () => {
  const made = objectMaker();
  const tree = made.tree();
  const first = made.commit(tree, [], 1);
  const left = made.commit(tree, [first], 2);
  const right = made.commit(tree, [first], 3);
  const merge = made.commit(tree, [left, right], 4);
  const other = made.commit(tree, [], 5);
  const read = async (id: typeof tree) => made.objects.get(id);

  it('is every commit that its tips lead to', async () => {
    const history = await readHistory(read, [merge, left]);
    expect([...history.keys()].sort()).toEqual([first, left, right, merge].sort());
    expect(history.get(merge)).toEqual({ parents: [left, right], committedAt: 4 });
  });

  it('tells what comes before a commit', async () => {
    const history = await readHistory(read, [merge, other]);
    expect([first, right, merge].map((id) => descendsFrom(history, merge, id))).toEqual([true, true, true]);
    expect([other, merge].map((id) => descendsFrom(history, left, id))).toEqual([false, false]);
  });

  it('that lacks a commit on the way, or has something else there, says nothing', async () => {
    const unreadable = { name: 'SourceUnreachable' };
    const part = async (id: typeof tree) => (id === first ? undefined : made.objects.get(id));
    await expect(readHistory(part, [merge])).rejects.toMatchObject(unreadable);
    await expect(readHistory(read, [tree])).rejects.toMatchObject(unreadable);
  });
});
