import { CanonicalEvent, type DetailType } from '../../events/canonical.ts';
import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { NormalisedEvent } from '../../events/normalised.ts';
import { canonicalJson } from '../canonical-json.ts';
import { sha256Hex } from '../evidence.ts';
import { Fault } from '../faults.ts';
import type { DeliveryRow } from '../ports/delivery-store.ts';
import { businessKeyOf, type RunSubject } from '../runs/run-input.ts';
import { parseReleaseTag } from '../source/release-tag.ts';
import type { Resolved } from './resolve.ts';

type Confirmed = Exclude<Resolved, { kind: 'ended' }>;

const MAX_EVENT_BYTES = 65_536;

/** What a run about this event would be about; `undefined` for a deletion. */
export function runSubjectOf(resolved: Confirmed): RunSubject | undefined {
  const { repository, tag } = resolved.event;
  const where = { host: repository.host, repository: repository.name };
  if (resolved.kind === 'source-change') {
    const { number, base } = resolved.event;
    return { kind: 'change', ...where, number, base, commit: resolved.head };
  }
  const common = { ...where, generation: resolved.state.generation };
  if (resolved.kind === 'source-tag') {
    const { commit, resolution } = resolved;
    return commit === null || resolution === 'unresolved'
      ? undefined
      : { kind: 'source', ...common, tag: resolved.event.tag, commit, resolution };
  }
  return resolved.digest === null || resolved.event.deleted
    ? undefined
    : { kind: 'image', ...common, ...(tag === null ? {} : { tag }), digest: resolved.digest };
}

/** The business key of what starts nothing: the same formula over what is known. */
const keyOfDeletion = (tenant: TenantId, { kind, event, state }: Confirmed): Sha256Hex =>
  sha256Hex(
    canonicalJson({
      tenant,
      type: kind === 'source-tag' ? 'source' : 'image',
      host: event.repository.host,
      repository: event.repository.name,
      ref: event.tag ?? '',
      target: '',
      generation: state.generation,
    }),
  );

function subjectText({ host, name }: NormalisedEvent['repository'], resolved: Confirmed): string {
  if (resolved.kind === 'source-change') return `${host}/${name}#${resolved.event.number}`;
  const digest = resolved.kind === 'artifact' ? resolved.digest : null;
  return `${host}/${name}${digest === null ? `:${resolved.event.tag ?? ''}` : `@${digest}`}`;
}

function dataOf(row: DeliveryRow, resolved: Confirmed) {
  const { event, state } = resolved;
  const common = {
    provider: event.provider,
    instance: row.instance,
    delivery: {
      id: event.deliveryId,
      receivedAt: row.receivedAt,
      attempt: row.attempts,
      auth: row.auth.scheme,
      authKeyId: row.auth.keyId,
      bodySha256: row.bodySha256,
      raw: row.raw ?? null,
    },
    repository: event.repository,
    change: state.change,
    generation: state.generation,
    actor: { id: event.actor, authenticatedBy: 'source' },
    occurredAt: event.occurredAt,
  };
  if (resolved.kind === 'source-change') {
    const { number, base } = resolved.event;
    return { ...common, proposal: { number, base }, head: { sha: resolved.head } };
  }
  const { previous = null } = state;
  if (resolved.kind === 'source-tag') {
    const { tag } = resolved.event;
    const resolution = { resolved: 'api', claimed: 'payload', unresolved: 'unresolved' }[resolved.resolution];
    return {
      ...common,
      ref: { type: 'tag', name: tag, fullName: `refs/tags/${tag}`, semver: parseReleaseTag(tag) !== undefined },
      commit: { sha: resolved.commit, objectSha: resolved.objectSha, previousSha: previous, resolution },
    };
  }
  const { digest, mediaType, imageKind, digestResolution, event: artifact } = resolved;
  return {
    ...common,
    image: {
      tag: artifact.tag,
      digest,
      previousDigest: previous,
      mediaType,
      artifactType: artifact.artifactType,
      kind: imageKind,
      platforms: [],
      digestResolution,
    },
  };
}

/** The strict event of a confirmed announcement. One that does not fit its own schema is our fault: `InputInvalid`. */
export function canonicalEventOf(row: DeliveryRow, resolved: Confirmed, traceparent: string): CanonicalEvent {
  const { event } = resolved;
  const detailType: DetailType = event.detailType;
  const subject = runSubjectOf(resolved);
  const made = CanonicalEvent.safeParse({
    specversion: '1.0',
    id: event.id,
    source: `/ingest/${event.provider}/${row.instance}`,
    type: `dev.relseal.${detailType}.v1`,
    subject: subjectText(event.repository, resolved),
    time: event.occurredAt ?? row.receivedAt,
    datacontenttype: 'application/json',
    dataschema: `urn:relseal:schema:${detailType}:1`,
    traceparent,
    businesskey: subject ? businessKeyOf(row.tenant, subject) : keyOfDeletion(row.tenant, resolved),
    data: dataOf(row, resolved),
  });
  if (!made.success || canonicalJson(made.data).length > MAX_EVENT_BYTES)
    throw new Fault('InputInvalid', `event ${event.id} has no canonical form`);
  return made.data;
}

/** The hash by which a pointer is compared with its row. */
export const eventHashOf = (event: CanonicalEvent): Sha256Hex => sha256Hex(canonicalJson(event));
