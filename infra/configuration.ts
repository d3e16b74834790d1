import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import * as z from 'zod';
import { Config, type TenantConfig } from '../core/config.ts';

/** How long locked objects stay, and who may shorten it: nobody (COMPLIANCE) or the teardown role (GOVERNANCE). */
export interface Retention {
  readonly mode: 'COMPLIANCE' | 'GOVERNANCE';
  readonly days: number;
}

export interface Configuration {
  readonly config: Config;
  readonly production: boolean;
  readonly retention: Retention;
  /** What the functions read beside their code: configuration and policies. */
  readonly document: string;
  /** Secrets that who receives must read, those for the registries, for the targets, and for the pseudonyms alone. */
  readonly hookSecrets: readonly string[];
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
    registrySecrets: distinct(registries),
    targetSecrets: distinct(targets),
    pseudonymSecrets: distinct(tenants.map(({ pseudonymKey }) => pseudonymKey)),
  };
}

/** How often a judge looks, in seconds, is what the platform's schedules allow; it may come a minute late. */
const SHORTEST_HEARTBEAT_SECONDS = 180;

/** Where promotions lead. `hosts` are all that a function may reach. */
function environmentProblems({ id, pseudonymKey, environments }: TenantConfig, hosts: ReadonlySet<string>): string[] {
  return environments.flatMap(({ name, target, metrics, approvals, tickSeconds, heartbeatSeconds }) => {
    const where = `${id}: ${name}`;
    const urls = [metrics.url, ...(target.kind === 'proxy' ? [target.url] : [])];
    const heartbeat = heartbeatSeconds ?? 3 * tickSeconds;
    return [
      ...(target.kind === 'local-proxy' ? [`${where}: a function has no proxy of its own; use proxy`] : []),
      ...urls.flatMap((url) =>
        hosts.has(new URL(url).host) ? [] : [`${where}: ${new URL(url).host} is not in hosts, so it is never asked`],
      ),
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
function problemsOf({ tenants, hosts }: Config): string[] {
  const { hookSecrets, registrySecrets, targetSecrets } = secretsOf(tenants);
  const reachable = new Set(hosts.map(({ host }) => host));
  return [
    ...[...hookSecrets, ...registrySecrets, ...targetSecrets]
      .filter((reference) => !reference.startsWith('arn:'))
      .map((reference) => `${reference}: a function reads secrets from Secrets Manager only; name an ARN`),
    ...repositoriesOf(tenants).flatMap(({ where, fetch, registry }) => [
      ...(fetch?.kind === 'git' ? [`${where}: a function has no git folders; use module-proxy`] : []),
      ...(registry?.kind === 'oci-layout' ? [`${where}: a function has no layout folders; use https`] : []),
    ]),
    ...tenants.flatMap((tenant) => environmentProblems(tenant, reachable)),
  ];
}

/** A trial can be taken down after a day. Production is for good, so it starts only when that was understood. */
export function retentionOf(kind: 'production' | 'test', iUnderstandRetention: unknown): Retention {
  if (kind === 'test') return { mode: 'GOVERNANCE', days: 1 };
  const days = z.coerce.number().int().min(1).max(36_500).safeParse(iUnderstandRetention);
  if (iUnderstandRetention === undefined || !days.success)
    throw new ConfigurationRefused([
      'production locks every object in COMPLIANCE mode: nobody, not even the account owner, can delete it before its days are over.',
      'Say for how many days: -c iUnderstandRetention=<days>. It can be raised later and never lowered.',
    ]);
  return { mode: 'COMPLIANCE', days: days.data };
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
  const problems = problemsOf(read.data);
  if (problems.length > 0) throw new ConfigurationRefused(problems);
  const policies = Object.fromEntries(tenants.map(({ id, policy }) => [id, policyOf(policy)]));
  return {
    config: read.data,
    production: environment.kind === 'production',
    retention: retentionOf(environment.kind, iUnderstandRetention),
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
