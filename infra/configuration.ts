import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import {
  Config,
  credentialSecrets,
  hostOf,
  type LogConfig,
  logsOf,
  moduleAddresses,
  type TenantConfig,
  witnessUrls,
} from '../core/config.ts';
import { Fault } from '../core/faults.ts';
import { parsePolicy } from '../core/gate/read-policy.ts';
import { RETENTION_CLASSES, type Retention, RetentionDays } from '../core/retention.ts';

export interface Configuration {
  readonly config: Config;
  readonly production: boolean;
  /** Who may shorten it: nobody (COMPLIANCE) or the teardown role (GOVERNANCE). */
  readonly retention: Retention;
  /** What the functions read beside their code: configuration and policies. */
  readonly document: string;
  /**
   * Secrets by who must read them: who receives, who reads sources and modules, who tells statuses, who asks for reviews,
   * who reads registries, who changes targets, and who makes pseudonyms alone.
   */
  readonly hookSecrets: readonly string[];
  readonly sourceSecrets: readonly string[];
  readonly moduleSecrets: readonly string[];
  readonly statusSecrets: readonly string[];
  readonly reviewSecrets: readonly string[];
  readonly registrySecrets: readonly string[];
  readonly targetSecrets: readonly string[];
  readonly pseudonymSecrets: readonly string[];
  /** Repositories whose ECR events are taken. */
  readonly ecrRepositories: readonly string[];
}

/** Configuration that cannot be deployed, every problem at once. */
export class ConfigurationRefused extends Error {
  override readonly name = 'ConfigurationRefused';
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

const distinct = (values: readonly (string | undefined)[]): string[] => [
  ...new Set(values.filter((value) => value !== undefined)),
];

const repositoriesOf = (tenants: readonly TenantConfig[]) =>
  tenants.flatMap(({ id, sources }) =>
    sources.flatMap((source) =>
      source.repositories.map((repository) => ({ ...repository, source, where: `${id}: ${repository.name}` })),
    ),
  );

function secretsOf(tenants: readonly TenantConfig[]) {
  const sources = repositoriesOf(tenants).flatMap(({ fetch }) =>
    fetch?.kind === 'git-https' ? [fetch.username, fetch.password] : [],
  );
  const modules = tenants
    .flatMap((tenant) => tenant.modules.credentials.flatMap(credentialSecrets))
    .map(([, reference]) => reference);
  const registries = repositoriesOf(tenants).flatMap(({ registry }) =>
    registry?.kind === 'https' ? [registry.username, registry.password] : [],
  );
  const hooks = tenants.flatMap(({ pseudonymKey, sources }) => [
    pseudonymKey,
    ...sources.flatMap(({ secrets }) => secrets),
  ]);
  const targets = tenants.flatMap(({ environments }) =>
    environments.map(({ target }) => (target.kind === 'proxy' ? target.token : undefined)),
  );
  return {
    hookSecrets: distinct(hooks),
    // A module proxy may be the source of a repository, so who reads sources reads modules.
    sourceSecrets: distinct([...sources, ...modules]),
    moduleSecrets: distinct(modules),
    statusSecrets: distinct(repositoriesOf(tenants).map(({ status }) => status?.token)),
    reviewSecrets: distinct(repositoriesOf(tenants).map(({ reviews }) => reviews?.token)),
    registrySecrets: distinct(registries),
    targetSecrets: distinct(targets),
    pseudonymSecrets: distinct(tenants.map(({ pseudonymKey }) => pseudonymKey)),
  };
}

/** How often a judge looks, in seconds, is what the platform's schedules allow; it may come a minute late. */
const SHORTEST_HEARTBEAT_SECONDS = 180;

/** `hosts` are all that a function may reach. */
const unlisted = (where: string, urls: readonly (string | undefined)[], hosts: ReadonlySet<string>): string[] =>
  distinct(urls.map((url) => url && hostOf(url)))
    .filter((host) => !hosts.has(host))
    .map((host) => `${where}: ${host} is not in hosts, so it is never asked`);

function witnessProblems(log: LogConfig, hosts: ReadonlySet<string>): string[] {
  const where = `${log.id}: witnessPolicy`;
  try {
    return unlisted(where, witnessUrls(log), hosts);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return [`${where}: ${error.message}`];
  }
}

/** Where promotions lead. */
function environmentProblems({ id, pseudonymKey, environments }: TenantConfig, hosts: ReadonlySet<string>): string[] {
  return environments.flatMap(({ name, target, metrics, approvals, tickSeconds, heartbeatSeconds }) => {
    const where = `${id}: ${name}`;
    const heartbeat = heartbeatSeconds ?? 3 * tickSeconds;
    return [
      ...(target.kind === 'local-proxy' ? [`${where}: a function has no proxy of its own; use proxy`] : []),
      ...unlisted(where, [metrics.url, target.kind === 'proxy' ? target.url : undefined], hosts),
      ...(approvals > 0 && pseudonymKey === undefined
        ? [`${where}: without a pseudonymKey nobody can be told from who asked; approvals need one`]
        : []),
      ...(heartbeat < SHORTEST_HEARTBEAT_SECONDS
        ? [`${where}: stages are judged once a minute; heartbeatSeconds must be ${SHORTEST_HEARTBEAT_SECONDS} or more`]
        : []),
    ];
  });
}

/** What one machine can have and functions cannot. */
function problemsOf({ tenants, metaLog, hosts }: Config): string[] {
  const { hookSecrets, sourceSecrets, statusSecrets, reviewSecrets, registrySecrets, targetSecrets } =
    secretsOf(tenants);
  const reachable = new Set(hosts.map(({ host }) => host));
  return [
    ...[...hookSecrets, ...sourceSecrets, ...statusSecrets, ...reviewSecrets, ...registrySecrets, ...targetSecrets]
      .filter((reference) => !reference.startsWith('arn:'))
      .map((reference) => `${reference}: a function reads secrets from Secrets Manager only; name an ARN`),
    ...repositoriesOf(tenants).flatMap(({ where, fetch, registry, status, reviews }) => [
      ...unlisted(where, [fetch?.kind === 'git-https' ? fetch.url : undefined, status?.url, reviews?.url], reachable),
      ...(fetch?.kind === 'git' ? [`${where}: a function has no git folders; use git-https or module-proxy`] : []),
      ...(registry?.kind === 'oci-layout' ? [`${where}: a function has no layout folders; use https`] : []),
    ]),
    ...tenants.flatMap(({ id, modules }) =>
      moduleAddresses(modules).flatMap(([path, url]) =>
        unlisted([`${id}: modules`, ...path].join('.'), [url], reachable),
      ),
    ),
    ...logsOf({ tenants, metaLog }).flatMap((log) => witnessProblems(log, reachable)),
    ...tenants.flatMap(({ id, modules }) =>
      modules.credentials.flatMap(({ kind, host }) =>
        kind === 'login' ? [`${id}: ${host}: nobody can log in to a function; use client-credentials`] : [],
      ),
    ),
    ...tenants.flatMap((tenant) => environmentProblems(tenant, reachable)),
  ];
}

/** A trial can be taken down after a day. Production is for good, so it starts only when that was understood. */
function retentionOf(
  { kind, retention: classes = {} }: Config['environment'],
  iUnderstandRetention: unknown,
): Retention {
  if (kind === 'test') return { mode: 'GOVERNANCE', days: 1 };
  const days = RetentionDays.safeParse(iUnderstandRetention);
  if (iUnderstandRetention === undefined || !days.success)
    throw new ConfigurationRefused([
      'production locks every object in COMPLIANCE mode: nobody, not even the account owner, can delete it before its days are over.',
      'Say for how many days: -c iUnderstandRetention=<days>, 3653 for ten years. It can be raised later and never lowered.',
    ]);
  const longer = RETENTION_CLASSES.filter((each) => (classes[each] ?? 0) > days.data);
  if (longer.length > 0)
    throw new ConfigurationRefused(
      longer.map((each) => `retention.${each}: nothing is kept longer than the log, which is kept ${days.data} days`),
    );
  return { mode: 'COMPLIANCE', days: days.data, classes };
}

/**
 * Policies by tenant, as JSON: functions have no parser of YAML. What is deployed is read once more, since it is longer than
 * what a person wrote, and one that a function cannot read is refused here.
 */
function policiesOf({ tenants, hosts }: Config, policyOf: (path: string) => string) {
  const reachable = new Set(hosts.map(({ host }) => host));
  const problems: string[] = [];
  const read = tenants.map(({ id, policy }) => {
    try {
      const parsed = parsePolicy(policyOf(policy));
      const urls = (parsed?.modules?.['publisher-signature'].publishers ?? []).map(({ url }) => url);
      problems.push(...unlisted(`${id}: ${policy}`, urls, reachable));
      const text = JSON.stringify(parsed ?? null);
      parsePolicy(text);
      return [id, text] as const;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      problems.push(`${id}: ${policy}: ${error.message}`);
      return [id, ''] as const;
    }
  });
  return { problems, policies: Object.fromEntries(read) };
}

/** Judges a configuration document and what it takes along. `policyOf` reads a policy by the path the document names. */
export function configurationOf(
  value: unknown,
  policyOf: (path: string) => string,
  iUnderstandRetention?: unknown,
): Configuration {
  const read = Config.safeParse(value);
  if (!read.success) throw new ConfigurationRefused(z.prettifyError(read.error).split('\n'));
  const { tenants, environment } = read.data;
  const { policies, problems: unread } = policiesOf(read.data, policyOf);
  const problems = [...problemsOf(read.data), ...unread];
  if (problems.length > 0) throw new ConfigurationRefused(problems);
  return {
    config: read.data,
    production: environment.kind === 'production',
    retention: retentionOf(environment, iUnderstandRetention),
    document: JSON.stringify({ config: read.data, policies }),
    ...secretsOf(tenants),
    ecrRepositories: distinct(
      repositoriesOf(tenants)
        .filter(({ source }) => source.provider === 'ecr')
        .map(({ name }) => name),
    ),
  };
}

/** The same from a file; policies are named relative to it. */
export function readConfiguration(file: string, iUnderstandRetention?: unknown): Configuration {
  const policyOf = (path: string) => readFileSync(resolve(dirname(file), path), 'utf8');
  return configurationOf(JSON.parse(readFileSync(file, 'utf8')), policyOf, iUnderstandRetention);
}
