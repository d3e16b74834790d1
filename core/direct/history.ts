import type { GitSha } from '../../events/fields.ts';
import { type CommitHead, parseCommit } from '../git/content.ts';
import type { ReadObject } from '../git/repository.ts';
import { unreadableGit } from '../git/unreadable.ts';

/** Commits by id, as far as some refs reach. Every step is by a computed id, so that no server can add one. */
export type History = ReadonlyMap<GitSha, CommitHead>;

/** Every commit that `tips` lead to. A commit that is missing is a fault: nothing can be said of what lies behind it. */
export async function readHistory(read: ReadObject, tips: readonly GitSha[]): Promise<History> {
  const history = new Map<GitSha, CommitHead>();
  const open = [...tips];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (history.has(id)) continue;
    const object = await read(id);
    if (object?.type !== 'commit') throw unreadableGit(`commit ${id} of the history is missing`);
    const facts = parseCommit(object.body);
    history.set(id, facts);
    open.push(...facts.parents);
  }
  return history;
}

/** Whether `ancestor` is `commit` or comes before it. */
export function descendsFrom(history: History, commit: GitSha, ancestor: GitSha): boolean {
  const seen = new Set<GitSha>();
  const open = [commit];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (id === ancestor) return true;
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(history.get(id)?.parents ?? []));
  }
  return false;
}
