import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import {
  type AppendDeps,
  type AppendOutcome,
  type AppendRequest,
  appendEntries,
  appendRequests,
  BatchWeight,
  checkDrafts,
} from './append.ts';
import type { EntryDraft } from './entry.ts';

type Append = (tenant: TenantId, drafts: readonly EntryDraft[]) => ReturnType<typeof appendEntries>;

interface Waiting {
  readonly request: AppendRequest;
  settle(outcome: AppendOutcome): void;
  fail(error: unknown): void;
}

/** More callers than this wait for nothing: what they append could not be answered in the time they have. */
const MAX_WAITING = 20_000;

/** Takes from the front what fits into one commit; at least one. */
function takeGroup(queue: Waiting[], most: number): Waiting[] {
  const weight = new BatchWeight();
  const end = queue.findIndex(({ request }, at) => weight.add(request) > most && at > 0);
  return queue.splice(0, end < 0 ? queue.length : end);
}

/**
 * `appendEntries` for a process with many callers: what arrives while a tenant's commit is under way shares the next one.
 * No caller waits for a timer, and no caller's fault is another's. Where too many wait already, the next is turned away
 * with `StoreUnavailable` and has stored nothing.
 */
export function groupCommit(deps: AppendDeps, maxWaiting = MAX_WAITING): Append {
  const queues = new Map<TenantId, Waiting[]>();
  const most = deps.ledger.batchWeight;
  const drain = async (tenant: TenantId, queue: Waiting[]): Promise<void> => {
    while (queue.length > 0) {
      const group = takeGroup(queue, most);
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
    if (drafts.length === 0 || new BatchWeight().add(drafts) > most) return appendEntries(deps, tenant, drafts);
    const request = checkDrafts(tenant, drafts);
    const outcome = await new Promise<AppendOutcome>((settle, fail) => {
      const waiting = { request, settle, fail };
      const queue = queues.get(tenant);
      if (queue && queue.length >= maxWaiting)
        throw new Fault('StoreUnavailable', `${queue.length} appends to the log of ${tenant} are waiting already`);
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
