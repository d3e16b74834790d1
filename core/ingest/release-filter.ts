import type { NormalisedDelivery, NormalisedEvent } from '../../events/normalised.ts';
import type { SourceConfig, TenantConfig } from '../config.ts';
import { ignored, rejected } from './outcome.ts';

type RepositoryConfig = SourceConfig['repositories'][number];

/** The configured repository an event is about; host and name are compared exactly. */
function repositoryOf(
  tenant: TenantConfig,
  source: SourceConfig,
  event: NormalisedEvent,
): RepositoryConfig | undefined {
  const sources = tenant.sources.filter(
    // One GitHub hook also announces packages, whose repositories are a source of their own.
    (one) => one === source || (event.provider !== source.provider && one.provider === event.provider),
  );
  return sources
    .filter(
      (one) => event.repository.host === (one.host ?? (one.provider === 'ecr' ? event.repository.host : one.instance)),
    )
    .flatMap(({ repositories }) => repositories)
    .find(({ name }) => name === event.repository.name);
}

const matchesWhole = (pattern: string, tag: string): boolean => new RegExp(`^(?:${pattern})$`, 'u').test(tag);

/**
 * Drops what configuration does not ask for: an unknown repository rejects the delivery before any credential is chosen,
 * and a tag that announces no release is ignored.
 */
export function filterReleases(
  tenant: TenantConfig,
  source: SourceConfig,
  delivery: NormalisedDelivery,
): NormalisedDelivery {
  const kept: NormalisedEvent[] = [];
  for (const event of delivery.events) {
    const repository = repositoryOf(tenant, source, event);
    if (!repository) return { ...rejected('repository.unknown', 'The repository is not configured.'), events: [] };
    if (delivery.outcome !== 'emit' || event.tag === null || matchesWhole(repository.releaseTags, event.tag))
      kept.push(event);
  }
  if (kept.length > 0 || delivery.events.length === 0) return { ...delivery, events: kept };
  return { ...ignored('tag.not-a-release', 'The tag announces no release.'), events: [] };
}
