import type { CanonicalEvent, DetailType } from '../../events/canonical.ts';
import { detailTypeOf } from '../../events/canonical.ts';
import { Fault } from '../faults.ts';
import { eventHashOf } from '../ingest/canonical-event.ts';
import type { ClaimRow, ClaimStore } from '../ports/claim-store.ts';
import type { Clock } from '../ports/clock.ts';
import type { DeliveryStore } from '../ports/delivery-store.ts';
import type { BusMessage } from '../ports/event-bus.ts';
import type { Workflows } from '../ports/workflows.ts';
import { businessKeyOf, RunInput, type RunSubject, runNameOf } from './run-input.ts';

export interface StartDeps {
  readonly deliveries: Pick<DeliveryStore, 'byEvent'>;
  readonly claims: ClaimStore;
  readonly workflows: Pick<Workflows, 'start'>;
  readonly clock: Clock;
}

/** `nothing`: events of this type start no run. `known`: the same work runs or is done. */
export type StartOutcome =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'started' | 'known' | 'needs-replay'; readonly runName: string };

/** Equals `STARTED_BY` of the catalog, which core may not import; a test compares them. */
export const MACHINE_OF: Readonly<Partial<Record<DetailType, string>>> = {
  'source.tag.pushed': 'source-release',
  'source.change.proposed': 'change-check',
  'artifact.image.pushed': 'image-release',
};

function subjectOfEvent({ data }: CanonicalEvent): RunSubject {
  const where = { host: data.repository.host, repository: data.repository.name };
  if ('proposal' in data) return { kind: 'change', ...where, ...data.proposal, commit: data.head.sha };
  const common = { ...where, generation: data.generation };
  if ('commit' in data) {
    const { sha, resolution } = data.commit;
    if (sha === null) throw new Fault('InputInvalid', 'a pushed tag without a commit starts nothing');
    const how = resolution === 'api' ? 'resolved' : 'claimed';
    return { kind: 'source', ...common, tag: data.ref.name, commit: sha, resolution: how };
  }
  const { digest, tag } = data.image;
  if (digest === null) throw new Fault('InputInvalid', 'a pushed image without a digest starts nothing');
  return { kind: 'image', ...common, ...(tag === null ? {} : { tag }), digest };
}

/** The event as its delivery row holds it: what travelled is a pointer, compared by hash and then put aside. */
async function storedEvent({ deliveries }: StartDeps, { tenant, event }: BusMessage): Promise<CanonicalEvent> {
  const row = await deliveries.byEvent(tenant, event.id);
  const stored = row?.events.find(({ id }) => id === event.id);
  if (!row || !stored) throw new Fault('InputInvalid', `no delivery holds event ${event.id}`);
  if (eventHashOf(stored) !== eventHashOf(event))
    throw new Fault('InputInvalid', `event ${event.id} is not the one its delivery holds`);
  return stored;
}

/** Starts the run an event asks for, once for each business key, however often the event arrives. */
export async function startWorkflow(deps: StartDeps, message: BusMessage): Promise<StartOutcome> {
  const machine = MACHINE_OF[detailTypeOf(message.event)];
  if (machine === undefined) return { kind: 'nothing' };
  const event = await storedEvent(deps, message);
  const subject = subjectOfEvent(event);
  const businessKey = businessKeyOf(message.tenant, subject);
  if (businessKey !== event.businesskey) throw new Fault('InputInvalid', `event ${event.id} has another business key`);
  const runName = runNameOf(machine, businessKey, 0);
  const row: ClaimRow = {
    tenant: message.tenant,
    businessKey,
    machine,
    runName,
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: new Date(deps.clock.now()).toISOString(),
    eventId: event.id,
    traceparent: event.traceparent,
    ...(event.data.actor.id === null
      ? {}
      : { actor: { id: event.data.actor.id, authenticated: event.data.delivery.auth } }),
    input: RunInput.parse({ schema: 'relseal.run/1', tenant: message.tenant, businessKey, subject }),
  };
  const claimed = await deps.claims.claim(row);
  if (!claimed.claimed) return knownRun(deps, claimed.row);
  await deps.workflows.start(machine, runName, row.input);
  return { kind: 'started', runName };
}

/** A starter that died between claim and start is made good by starting again: the name allows one run only. */
async function knownRun({ workflows }: StartDeps, row: ClaimRow): Promise<StartOutcome> {
  const { runName, status } = row;
  if (status === 'failed') return { kind: 'needs-replay', runName };
  if (status !== 'running') return { kind: 'known', runName };
  const started = await workflows.start(row.machine, runName, row.input);
  return { kind: started === 'started' ? 'started' : 'known', runName };
}
