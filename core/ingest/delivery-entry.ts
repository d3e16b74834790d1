import type { CanonicalEvent } from '../../events/canonical.ts';
import type { NormalisedEvent } from '../../events/normalised.ts';
import { canonicalJson } from '../canonical-json.ts';
import type { Subject } from '../check.ts';
import { sha256Hex } from '../evidence.ts';
import { type EntryContent, type EntryDraft, entryKeyOf } from '../ledger/entry.ts';
import type { DeliveryRow } from '../ports/delivery-store.ts';
import type { Resolved } from './resolve.ts';
import { faultNameOf, lifeOf } from './retry.ts';

type Ended = Extract<Resolved, { kind: 'ended' }>;

/** Key of an entry about one delivery: its own id, so that another delivery of the same work leaves an entry too. */
const keyOf = (row: DeliveryRow, mapIndex: number, ordinal: number | string) =>
  entryKeyOf(row.tenant, {
    businessKey: sha256Hex(canonicalJson([row.tenant, row.key])),
    machine: 'ingest',
    step: 'publish-delivery',
    mapIndex,
    replay: 0,
    kind: 'delivery',
    ordinal,
  });

const deliverySubject = ({ key, bodySha256 }: DeliveryRow): Subject => ({
  name: `delivery:${key}`.slice(0, 1024),
  digest: { sha256: bodySha256 },
});

const actorOf = (id: string | null, { auth }: DeliveryRow): Pick<EntryContent, 'actor'> =>
  id === null ? {} : { actor: { id, authenticated: auth.scheme } };

const reasonsOf = (code: string | null, found?: string): Pick<EntryContent, 'reasons' | 'reasonsTotal'> =>
  code === null ? {} : { reasons: [{ code, ...(found === undefined ? {} : { found }) }], reasonsTotal: 1 };

const positionOf = (row: DeliveryRow, id: string): number =>
  row.normalised.events.findIndex((event) => event.id === id);

/** The tag or digest an event names, in the words of a release's own subject. */
function announcedSubject(
  { repository: { host, name }, tag }: Pick<NormalisedEvent, 'repository' | 'tag'>,
  digest: Subject['digest'],
): Subject {
  return { name: `${host}/${name}${tag === null ? '' : `:${tag}`}`.slice(0, 1024), digest };
}

function eventContent(row: DeliveryRow, event: CanonicalEvent): EntryContent {
  const { data } = event;
  const common = {
    kind: 'delivery',
    outcome: 'info' as const,
    ...actorOf(data.actor.id, row),
    ...reasonsOf(row.normalised.outcome === 'audit' ? row.normalised.code : null),
    trace: [event.traceparent],
  };
  const { host, name } = data.repository;
  if ('proposal' in data) {
    const id = `${host}/${name}#${data.proposal.number}`;
    const { sha } = data.head;
    return {
      ...common,
      release: { kind: 'change', id },
      change: { commit: sha },
      subjects: [{ name: id, digest: { gitCommit: sha } }, deliverySubject(row)],
    };
  }
  if ('commit' in data) {
    const { sha } = data.commit;
    const id = `${host}/${name}@${data.ref.name}`;
    return {
      ...common,
      release: { kind: 'source', id },
      ...(sha === null ? {} : { change: { commit: sha } }),
      subjects: [{ name: id, digest: sha === null ? {} : { gitCommit: sha } }, deliverySubject(row)],
    };
  }
  const { tag, digest } = data.image;
  const sha256 = digest?.slice('sha256:'.length);
  return {
    ...common,
    ...(digest === null ? {} : { release: { kind: 'image', id: `${host}/${name}@${digest}` } }),
    subjects: [
      announcedSubject({ repository: data.repository, tag }, sha256 === undefined ? {} : { sha256 }),
      deliverySubject(row),
    ],
  };
}

/** One entry for what was announced and confirmed. */
export const eventDraft = (row: DeliveryRow, event: CanonicalEvent): EntryDraft => ({
  key: keyOf(row, positionOf(row, event.id), 0),
  content: eventContent(row, event),
});

/** One entry for what was announced and not confirmed. */
export const endedDraft = (row: DeliveryRow, { event, outcome, code }: Ended): EntryDraft => ({
  key: keyOf(row, positionOf(row, event.id), code),
  content: {
    kind: 'delivery',
    outcome,
    ...actorOf(event.actor, row),
    ...reasonsOf(code),
    subjects: [announcedSubject(event, {}), deliverySubject(row)],
  },
});

/** The entry of a delivery that announces nothing: ignored or rejected as it was received. */
export const emptyDraft = (row: DeliveryRow): EntryDraft => ({
  key: keyOf(row, 0, 0),
  content: {
    kind: 'delivery',
    outcome: row.normalised.outcome === 'reject' ? 'refuse' : 'info',
    ...reasonsOf(row.normalised.code),
    subjects: [deliverySubject(row)],
  },
});

/** The entry of a delivery that was given up; once in each of its lives. */
export const givenUpDraft = (row: DeliveryRow, error: unknown): EntryDraft => ({
  key: keyOf(row, 0, `given-up:${lifeOf(row)}`),
  content: {
    kind: 'delivery',
    outcome: 'fault',
    ...reasonsOf('delivery.not-published', faultNameOf(error)),
    subjects: [deliverySubject(row)],
  },
});
