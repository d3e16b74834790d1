import type { ArtifactData } from '../../events/canonical.ts';
import type { GitSha, OciDigest, TenantId } from '../../events/fields.ts';
import type {
  NormalisedArtifact,
  NormalisedEvent,
  NormalisedSourceChange,
  NormalisedSourceTag,
} from '../../events/normalised.ts';
import { sha256Hex } from '../evidence.ts';
import { assertNever } from '../faults.ts';
import type { Registry } from '../ports/registry.ts';
import type { SourceHost } from '../ports/source-host.ts';
import type { TagState, TagTable } from '../ports/tag-table.ts';
import { INDEX_TYPES } from './artifact.ts';
import { judgeManifest } from './final-word.ts';

export interface ResolveDeps {
  readonly tags: TagTable;
  /** Where a configured repository is read. */
  sourceHosts(tenant: TenantId, host: string, repository: string): { host: SourceHost };
  registries(tenant: TenantId, host: string, repository: string): Promise<Registry>;
}

/** An event confirmed at its source, or why it ends here: `refuse` is alarmed, `info` only recorded. */
export type Resolved =
  | {
      readonly kind: 'source-tag';
      readonly event: NormalisedSourceTag;
      readonly state: TagState;
      readonly commit: GitSha | null;
      readonly objectSha: GitSha | null;
      readonly resolution: 'resolved' | 'claimed' | 'unresolved';
    }
  | {
      readonly kind: 'source-change';
      readonly event: NormalisedSourceChange;
      readonly state: TagState;
      readonly head: GitSha;
    }
  | {
      readonly kind: 'artifact';
      readonly event: NormalisedArtifact;
      readonly state: TagState;
      readonly digest: OciDigest | null;
      readonly mediaType: string | null;
      readonly imageKind: ArtifactData['image']['kind'];
      readonly digestResolution: ArtifactData['image']['digestResolution'];
    }
  | {
      readonly kind: 'ended';
      readonly event: NormalisedEvent;
      readonly outcome: 'refuse' | 'info';
      readonly code: string;
    };

const ended = (event: NormalisedEvent, outcome: 'refuse' | 'info', code: string): Resolved => ({
  kind: 'ended',
  event,
  outcome,
  code,
});

const FIRST_SEEN: TagState = { change: 'created', generation: 0 };

function observe(deps: ResolveDeps, tenant: TenantId, event: NormalisedEvent, target: string | undefined) {
  const { repository, tag, id } = event;
  if (tag === null)
    return Promise.resolve<TagState>(target === undefined ? { ...FIRST_SEEN, change: 'deleted' } : FIRST_SEEN);
  return deps.tags.observe({
    tenant,
    kind: event.kind === 'source-tag' ? 'source' : 'artifact',
    host: repository.host,
    repository: repository.name,
    tag,
    ...(target === undefined ? {} : { target }),
    eventId: id,
  });
}

/** Asks the source itself: a hook is a hint that something happened. A change counts once the source confirms it. */
export function resolveEvent(deps: ResolveDeps, tenant: TenantId, event: NormalisedEvent): Promise<Resolved> {
  switch (event.kind) {
    case 'source-tag':
      return resolveSourceTag(deps, tenant, event);
    case 'source-change':
      return resolveSourceChange(deps, tenant, event);
    case 'artifact':
      return resolveArtifact(deps, tenant, event);
    default:
      return assertNever(event);
  }
}

/** What is judged is the head as it is now: a hook may be late, and the commit it names may be gone. */
async function resolveSourceChange(
  deps: ResolveDeps,
  tenant: TenantId,
  event: NormalisedSourceChange,
): Promise<Resolved> {
  const { host } = deps.sourceHosts(tenant, event.repository.host, event.repository.name);
  if (host.kind === 'module-proxy') return ended(event, 'info', 'change.not-shown-by-source');
  const head = await host.resolveChange(event.number);
  if (head === undefined) return ended(event, 'refuse', 'change.not-at-source');
  return { kind: 'source-change', event, state: FIRST_SEEN, head };
}

async function resolveSourceTag(deps: ResolveDeps, tenant: TenantId, event: NormalisedSourceTag): Promise<Resolved> {
  const { host } = deps.sourceHosts(tenant, event.repository.host, event.repository.name);
  if (event.deleted) {
    // A proxy keeps every version for ever, so it cannot confirm a deletion.
    if (host.kind === 'module-proxy') return ended(event, 'info', 'tag.deletion-not-confirmed');
    if (await host.resolveTag(event.tag, undefined)) return ended(event, 'info', 'tag.still-there');
    const state = await observe(deps, tenant, event, undefined);
    return { kind: 'source-tag', event, state, commit: null, objectSha: null, resolution: 'unresolved' };
  }
  const found = await host.resolveTag(event.tag, event.commit ?? undefined);
  if (!found) return ended(event, 'refuse', 'tag.not-at-source');
  const state = await observe(deps, tenant, event, found.commit);
  const { commit, resolution } = found;
  return { kind: 'source-tag', event, state, commit, objectSha: found.tagObject ?? event.objectSha, resolution };
}

async function resolveArtifact(deps: ResolveDeps, tenant: TenantId, event: NormalisedArtifact): Promise<Resolved> {
  const facts = { kind: 'artifact', event, mediaType: event.mediaType, digestResolution: 'payload' } as const;
  if (event.detailType === 'artifact.manifest.pushed' || event.detailType === 'artifact.referrer.pushed')
    return { ...facts, state: FIRST_SEEN, digest: event.digest, imageKind: 'unknown' };
  const registry = await deps.registries(tenant, event.repository.host, event.repository.name);
  if (event.deleted) {
    const present =
      event.tag === null
        ? event.digest && (await registry.manifest(event.digest))
        : await registry.resolveTag(event.tag);
    if (present) return ended(event, 'info', 'tag.still-there');
    const state = await observe(deps, tenant, event, undefined);
    const digestResolution = event.digest === null ? 'unresolved' : 'payload';
    return { ...facts, state, digest: event.digest, imageKind: 'unknown', digestResolution };
  }
  const digest = event.digest ?? (event.tag === null ? undefined : await registry.resolveTag(event.tag));
  const manifest = digest && (await registry.manifest(digest));
  if (!digest || !manifest) return ended(event, 'refuse', 'image.not-at-registry');
  // Bytes that are not what the digest names judge nothing here: the run refuses them and says why.
  const honest = sha256Hex(manifest.bytes) === digest.slice('sha256:'.length);
  const word = honest ? judgeManifest(manifest.bytes) : 'image';
  if (word !== 'image')
    return ended(event, 'info', word === 'referrer' ? 'artifact.referrer' : 'artifact.not-an-image');
  const state = await observe(deps, tenant, event, digest);
  return {
    ...facts,
    state,
    digest,
    mediaType: manifest.mediaType.slice(0, 255) || event.mediaType,
    imageKind: INDEX_TYPES.includes(manifest.mediaType) ? 'index' : 'image',
    digestResolution: event.digest === null ? 'resolved-after-push' : 'payload',
  };
}
