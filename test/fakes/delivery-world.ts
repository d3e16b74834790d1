import { createHmac } from 'node:crypto';
import { TenantConfig } from '../../core/config.ts';
import type { PublishDeliveryDeps } from '../../core/ingest/publish.ts';
import type { DeliveryRequest, ReceiveDeps } from '../../core/ingest/receive.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import type { Registry } from '../../core/ports/registry.ts';
import type { SourceHost } from '../../core/ports/source-host.ts';
import type { StartDeps } from '../../core/runs/start.ts';
import type { TakeUpDeps } from '../../core/runs/take-up.ts';
import { GitSha, type TenantId } from '../../events/fields.ts';
import { countingIds } from './counting-ids.ts';
import { type FailurePlan, failing } from './failing.ts';
import { fixedClock } from './fixed-clock.ts';
import { memoryBus } from './memory-bus.ts';
import { memoryClaimStore } from './memory-claim-store.ts';
import { memoryDeliveryStore } from './memory-delivery-store.ts';
import { memoryErasableStore } from './memory-erasable-store.ts';
import { memoryLedgerStore } from './memory-ledger-store.ts';
import { memoryPersonStore } from './memory-person-store.ts';
import { memorySourceHost } from './memory-source-host.ts';
import { memoryTagTable } from './memory-tag-table.ts';
import { memoryWorkflows } from './memory-workflows.ts';
import { memoryWormStore } from './memory-worm-store.ts';

export const COMMIT = GitSha.parse('ff3602bb5b46ae73604d614c39b822f4d03e73e0');
const SECRET = 'a secret of the hook';

/** One tenant with one GitHub repository, everything in memory; `plan` makes one port call fail. */
export function deliveryWorld(
  plan: FailurePlan = { at: -1, when: 'before', calls: 0 },
  kind: SourceHost['kind'] = 'git',
) {
  const tenant = TenantConfig.parse({
    id: 'acme',
    origin: 'ledger.example.com/acme',
    policy: 'policy.yaml',
    pseudonymKey: 'env:PSEUDONYMS',
    modules: { proxy: 'off', checksumDatabase: 'off' },
    sources: [
      { provider: 'github', instance: 'github.com', secrets: ['env:HOOK'], repositories: [{ name: 'acme/sample' }] },
    ],
  });
  const clock = fixedClock();
  const ids = countingIds();
  const source = memorySourceHost(kind);
  source.tags.set('v1.0.0', { commit: COMMIT, resolution: 'resolved' });
  const ledger = memoryLedgerStore();
  const worm = memoryWormStore();
  const deliveries = memoryDeliveryStore();
  const bus = memoryBus();
  const claims = memoryClaimStore();
  const workflows = memoryWorkflows();
  const compensated: string[] = [];
  const answers: string[] = [];
  const secrets = { values: async (reference: string) => [reference === 'env:HOOK' ? SECRET : 'pseudonyms'] };
  const [raw, persons] = [memoryErasableStore(), memoryPersonStore()];
  const receive: ReceiveDeps = {
    tenants: [tenant],
    secrets,
    raw: failing(raw, plan),
    persons: failing(persons, plan),
    deliveries: failing(deliveries, plan),
    clock,
    ids,
    answered: ({ code }) => {
      answers.push(code);
    },
  };
  const append = (id: TenantId, drafts: Parameters<PublishDeliveryDeps['append']>[1]) =>
    appendEntries({ ledger, worm, clock }, id, drafts);
  const publish: PublishDeliveryDeps = {
    deliveries: failing(deliveries, plan),
    bus: failing(bus, plan),
    tags: failing(memoryTagTable(), plan),
    clock,
    ids,
    sourceHosts: () => ({ host: failing(source, plan) }),
    registries: async (): Promise<Registry> => {
      throw new Error('no registry here');
    },
    append: failing({ append }, plan).append,
  };
  const start: StartDeps = { deliveries, claims: failing(claims, plan), workflows: failing(workflows, plan), clock };
  /** For what records ends, replays and sweeps: nothing of it fails. */
  const runDeps: TakeUpDeps = {
    claims,
    worm,
    append,
    workflows,
    clock,
    compensate: async ({ runName }) => void compensated.push(runName),
  };
  return {
    tenant,
    clock,
    source,
    ledger,
    bus,
    raw,
    persons,
    worm,
    claims,
    deliveries,
    runs: workflows.runs,
    answers,
    receive,
    publish,
    start,
    append,
    workflows,
    runDeps,
    compensated,
  };
}

/** A signed delivery of GitHub. */
function githubRequest(
  event: string,
  body: Uint8Array,
  guid: string,
  changes: Partial<DeliveryRequest> = {},
): DeliveryRequest {
  return {
    provider: 'github',
    instance: 'github.com',
    method: 'POST',
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'x-github-event': event,
      'x-github-delivery': guid,
      'x-hub-signature-256': `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`,
    },
    ...changes,
    body,
  };
}

/** A signed GitHub push of a ref. */
export function pushRequest(
  ref = 'refs/tags/v1.0.0',
  more: Partial<DeliveryRequest> & { repository?: string; guid?: string } = {},
): DeliveryRequest {
  const { repository = 'acme/sample', guid = 'guid-1', ...changes } = more;
  const text = {
    ref,
    after: COMMIT,
    head_commit: { id: COMMIT },
    repository: { full_name: repository },
    sender: { login: 'ana' },
  };
  return githubRequest('push', changes.body ?? Buffer.from(JSON.stringify(text)), guid, changes);
}

/** A signed notice of GitHub on pull request 7. */
export function pullRequest({ action = 'opened', base = 'main', guid = 'guid-1' }): DeliveryRequest {
  const text = {
    action,
    number: 7,
    pull_request: { base: { ref: base }, head: { sha: COMMIT } },
    repository: { full_name: 'acme/sample' },
    sender: { login: 'ana' },
  };
  return githubRequest('pull_request', Buffer.from(JSON.stringify(text)), guid);
}
