import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import {
  type AppendDeps,
  type AppendOutcome,
  type AppendRequest,
  appendEntries,
  appendRequests,
  BATCH_WEIGHT,
  checkDrafts,
  weightOf,
} from './append.ts';
import type { EntryDraft } from './entry.ts';

type Append = (tenant: TenantId, drafts: readonly EntryDraft[]) => ReturnType<typeof appendEntries>;

interface Waiting {
  readonly request: AppendRequest;
  settle(outcome: AppendOutcome): void;
  fail(error: unknown): void;
}

/** Takes from the front what fits into one commit; at least one. */
function takeGroup(queue: Waiting[]): Waiting[] {
  let drafts: EntryDraft[] = [];
  const group: Waiting[] = [];
  for (const waiting of queue) {
    drafts = [...drafts, ...waiting.request];
    if (group.length > 0 && weightOf(drafts) > BATCH_WEIGHT) break;
    group.push(waiting);
  }
  queue.splice(0, group.length);
  return group;
}

/**
 * `appendEntries` for a process with many callers: what arrives while a tenant's commit is under way shares the next one.
 * No caller waits for a timer, and no caller's fault is another's.
 */
export function groupCommit(deps: AppendDeps): Append {
  const queues = new Map<TenantId, Waiting[]>();
  const drain = async (tenant: TenantId, queue: Waiting[]): Promise<void> => {
    while (queue.length > 0) {
      const group = takeGroup(queue);
      try {
        const outcomes = await appendRequests(
          deps,
          tenant,
          group.map(({ request }) => request),
        );
        group.forEach(({ settle }, at) => {
          settle(outcomes[at] ?? new Fault('LedgerInconsistent', 'an append has no outcome'));
        });
      } catch (error) {
        for (const { fail } of group) fail(error);
      }
    }
    queues.delete(tenant);
  };
  return async (tenant, drafts) => {
    if (drafts.length === 0 || weightOf(drafts) > BATCH_WEIGHT) return appendEntries(deps, tenant, drafts);
    checkDrafts(tenant, drafts);
    const outcome = await new Promise<AppendOutcome>((settle, fail) => {
      const waiting = { request: drafts, settle, fail };
      const queue = queues.get(tenant);
      if (queue) queue.push(waiting);
      else {
        const started = [waiting];
        queues.set(tenant, started);
        void drain(tenant, started);
      }
    });
    if (outcome instanceof Fault) throw outcome;
    return { entries: [...outcome] };
  };
}
