import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Config,
  credentialSecrets,
  type EnvironmentConfig,
  hostOf,
  moduleAddresses,
  type RepositoryConfig,
  repositorySecrets,
  type SourceConfig,
  type TenantConfig,
  witnessUrls,
} from '../core/config.ts';
import { parsePolicy } from '../core/gate/read-policy.ts';
import { providerOf } from '../core/ingest/providers.ts';
import type { Secrets } from '../core/ports/secrets.ts';
import { checksumDatabaseKey } from '../core/sumdb/databases.ts';
import { parseVerifierKey } from '../core/tlog/note.ts';
import type { ConfigIssue } from './config-file.ts';

/** What a schema cannot say: that what the document names is there and fits together. */

type Path = readonly PropertyKey[];
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'unusable');

function attempt(path: Path, work: () => unknown): ConfigIssue[] {
  try {
    work();
    return [];
  } catch (error) {
    return [{ path, message: messageOf(error) }];
  }
}

async function secretIssues(
  secrets: Secrets,
  references: readonly (readonly [Path, string])[],
): Promise<ConfigIssue[]> {
  const found: ConfigIssue[] = [];
  for (const [path, reference] of references)
    await secrets.values(reference).catch((error: unknown) => found.push({ path, message: messageOf(error) }));
  return found;
}

function unlistedAt(url: string, hosts: ReadonlySet<string>, path: Path): ConfigIssue[] {
  const host = hostOf(url);
  return hosts.has(host) ? [] : [{ path, message: `${host} is not in "hosts", so it is never asked` }];
}

/** A witness policy that can be read, whose witnesses are asked at listed hosts. */
function witnessIssues(
  log: Pick<TenantConfig, 'witnessPolicy'>,
  path: Path,
  hosts: ReadonlySet<string>,
): ConfigIssue[] {
  const at = [...path, 'witnessPolicy'];
  const issues: ConfigIssue[] = [];
  const unreadable = attempt(at, () => {
    issues.push(...witnessUrls(log).flatMap((url) => unlistedAt(url, hosts, at)));
  });
  return [...unreadable, ...issues];
}

/** Hosts of modules must be listed: all others are refused when a run needs them. */
const moduleIssues = ({ modules }: TenantConfig, path: Path, hosts: ReadonlySet<string>): ConfigIssue[] => [
  ...moduleAddresses(modules).flatMap(([at, url]) => unlistedAt(url, hosts, [...path, 'modules', ...at])),
  ...attempt([...path, 'modules', 'checksumDatabase'], () =>
    parseVerifierKey(checksumDatabaseKey(modules.checksumDatabase)),
  ),
];

/** A policy that can be read, whose publishers of modules have their signatures at listed hosts. */
function policyIssues(file: string, path: Path, hosts: ReadonlySet<string>): ConfigIssue[] {
  const issues: ConfigIssue[] = [];
  const unreadable = attempt(path, () => {
    const modules = parsePolicy(readFileSync(file, 'utf8'))?.modules;
    for (const { url } of modules?.['publisher-signature'].publishers ?? [])
      issues.push(...unlistedAt(url, hosts, path));
  });
  return [...unreadable, ...issues];
}

function repositoryIssues(repository: RepositoryConfig, path: Path, folder: string, hosts: ReadonlySet<string>) {
  const { fetch, registry, status, reviews, releaseTags } = repository;
  const issues = attempt([...path, 'releaseTags'], () => new RegExp(`^(?:${releaseTags})$`, 'u'));
  if (!fetch && !registry)
    issues.push({ path, message: 'says neither how its source is fetched ("fetch") nor how its registry is reached' });
  if (fetch?.kind === 'git' && !existsSync(resolve(folder, fetch.path, 'HEAD')))
    issues.push({ path: [...path, 'fetch', 'path'], message: `${fetch.path} holds no git repository` });
  if (registry?.kind === 'oci-layout' && !existsSync(resolve(folder, registry.path, 'index.json')))
    issues.push({ path: [...path, 'registry', 'path'], message: `${registry.path} holds no OCI layout (index.json)` });
  const urls = [
    [registry?.kind === 'https' ? registry.url : undefined, 'registry'],
    [fetch?.kind === 'git-https' ? fetch.url : undefined, 'fetch'],
    [status?.url, 'status'],
    [reviews?.url, 'reviews'],
  ] as const;
  for (const [url, key] of urls) if (url !== undefined) issues.push(...unlistedAt(url, hosts, [...path, key, 'url']));
  return issues;
}

function sourceIssues(source: SourceConfig, path: Path, folder: string, hosts: ReadonlySet<string>): ConfigIssue[] {
  const provider = providerOf(source.provider);
  const issues = source.repositories.flatMap((repository, at) =>
    repositoryIssues(repository, [...path, 'repositories', at], folder, hosts),
  );
  if (!provider) issues.push({ path: [...path, 'provider'], message: `${source.provider} is not supported yet` });
  if (provider?.transport === 'webhook' && source.secrets.length === 0)
    issues.push({ path: [...path, 'secrets'], message: 'a webhook without a secret would be refused always' });
  return issues;
}

function repeated(values: readonly (readonly [Path, string])[], what: string): ConfigIssue[] {
  const seen = new Set<string>();
  return values.flatMap(([path, value]) => {
    if (!seen.has(value)) {
      seen.add(value);
      return [];
    }
    return [{ path, message: `${what} ${value} is used twice` }];
  });
}

function targetIssues({ target }: EnvironmentConfig, path: Path, hosts: ReadonlySet<string>): ConfigIssue[] {
  if (target.kind === 'proxy') return unlistedAt(target.url, hosts, [...path, 'url']);
  const { revisions, stable } = target;
  const lost = stable !== undefined && !revisions.some(({ digest }) => digest === stable);
  return [
    ...repeated(
      revisions.map(({ digest }, at) => [[...path, 'revisions', at, 'digest'], digest] as const),
      'the revision',
    ),
    ...(lost ? [{ path: [...path, 'stable'], message: 'is not among the revisions' }] : []),
  ];
}

/** What a promotion needs to be decided at all: persons that can be told apart, and signals that make a whole. */
function environmentIssues(environment: EnvironmentConfig, path: Path, tenant: TenantConfig, config: Config) {
  const hosts = new Set(config.hosts.map(({ host }) => host));
  const { signals, approvals, tickSeconds, metrics } = environment;
  const total = signals.reduce((sum, { weight }) => sum + weight, 0);
  const issues: ConfigIssue[] = [
    ...targetIssues(environment, [...path, 'target'], hosts),
    ...unlistedAt(metrics.url, hosts, [...path, 'metrics', 'url']),
    ...repeated(
      signals.map(({ name }, at) => [[...path, 'signals', at, 'name'], name] as const),
      'the signal',
    ),
  ];
  if (total !== 100) issues.push({ path: [...path, 'signals'], message: `the weights add up to ${total}, not to 100` });
  if (approvals > 0 && tenant.pseudonymKey === undefined)
    issues.push({
      path: [...path, 'approvals'],
      message: 'needs the pseudonymKey of the tenant: without it no person can be told from another',
    });
  if (tickSeconds < 60 && config.environment.kind === 'production')
    issues.push({ path: [...path, 'tickSeconds'], message: 'may be shorter than a minute in test environments only' });
  return issues;
}

/** Every problem of a configuration against the machine it is to run on. `folder` is where relative paths start. */
export async function configIssues(config: Config, folder: string, secrets: Secrets): Promise<ConfigIssue[]> {
  const hosts = new Set(config.hosts.map(({ host }) => host));
  const tenants = config.tenants.map((tenant, at) => ({ tenant, path: ['tenants', at] satisfies Path }));
  const { metaLog } = config;
  const logs = [
    ...tenants.map(({ tenant, path }) => ({ log: tenant, path })),
    ...(metaLog ? [{ log: metaLog, path: ['metaLog'] }] : []),
  ];
  const sources = tenants.flatMap(({ tenant, path }) =>
    tenant.sources.map((source, at) => ({ source, path: [...path, 'sources', at] })),
  );
  const references = [
    ...(config.targetsToken === undefined ? [] : [[['targetsToken'], config.targetsToken] as const]),
    ...tenants.flatMap(({ tenant, path }) =>
      tenant.pseudonymKey === undefined ? [] : [[[...path, 'pseudonymKey'], tenant.pseudonymKey] as const],
    ),
    ...sources.flatMap(({ source, path }) =>
      source.secrets.map((reference, at) => [[...path, 'secrets', at], reference] as const),
    ),
    ...sources.flatMap(({ source, path }) =>
      source.repositories.flatMap((repository, at) =>
        repositorySecrets(repository).map(([keys, to]) => [[...path, 'repositories', at, ...keys], to] as const),
      ),
    ),
    ...tenants.flatMap(({ tenant, path }) =>
      tenant.modules.credentials.flatMap((credential, at) =>
        credentialSecrets(credential).map(
          ([keys, to]) => [[...path, 'modules', 'credentials', at, ...keys], to] as const,
        ),
      ),
    ),
    ...tenants.flatMap(({ tenant, path }) =>
      tenant.environments.flatMap(({ target }, at) =>
        target.kind === 'proxy' ? [[[...path, 'environments', at, 'target', 'token'], target.token] as const] : [],
      ),
    ),
  ];
  return [
    ...repeated(
      tenants.map(({ tenant, path }) => [[...path, 'id'], tenant.id] as const),
      'the tenant',
    ),
    ...repeated(
      logs.map(({ log, path }) => [[...path, 'origin'], log.origin] as const),
      'the origin',
    ),
    ...(metaLog ? witnessIssues(metaLog, ['metaLog'], hosts) : []),
    ...repeated(
      sources.map(({ source, path }) => [[...path, 'instance'], `${source.provider}/${source.instance}`] as const),
      'the hook path',
    ),
    ...tenants.flatMap(({ tenant, path }) => [
      ...policyIssues(resolve(folder, tenant.policy), [...path, 'policy'], hosts),
      ...moduleIssues(tenant, path, hosts),
      ...witnessIssues(tenant, path, hosts),
    ]),
    ...sources.flatMap(({ source, path }) => sourceIssues(source, path, folder, hosts)),
    ...tenants.flatMap(({ tenant, path }) => [
      ...repeated(
        tenant.environments.map(({ name }, at) => [[...path, 'environments', at, 'name'], name] as const),
        'the environment',
      ),
      ...tenant.environments.flatMap((environment, at) =>
        environmentIssues(environment, [...path, 'environments', at], tenant, config),
      ),
    ]),
    ...(await secretIssues(secrets, references)),
  ];
}
