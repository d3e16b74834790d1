import * as z from 'zod';
import { OciDigest, Provider, TenantId } from '../events/fields.ts';
import { assertNever, Fault } from './faults.ts';
import { META_LOG } from './ledger/meta-log.ts';
import { readWitnessPolicy } from './ledger/witness-policy.ts';
import { RetentionConfig } from './retention.ts';

/** `relseal.yaml` and the CDK context hold this same document. Every secret is a reference. */

const name = z.string().min(1).max(255);
/** `env:NAME`, `file:PATH` or `arn:…`; the value itself is never in the document. */
export const SecretReference = z.string().regex(/^(?:env:[A-Z][A-Z0-9_]*|file:.+|arn:.+)$/);

/**
 * Where a repository's tree comes from. `module-proxy`: the tree is the module zip and the commit stays claimed. `git`: a
 * folder of this machine. `git-https`: a server, read without a git program.
 */
export const FetchConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('module-proxy'), module: name }),
  z.strictObject({ kind: z.literal('git'), path: z.string().min(1) }),
  z.strictObject({
    kind: z.literal('git-https'),
    /** The repository as `git clone` takes it; `http` only for loopback. Its host must be among `hosts`. */
    url: z.url({ protocol: /^https?$/ }),
    /** With a password: Basic. A password alone is a bearer token. */
    username: SecretReference.optional(),
    password: SecretReference.optional(),
  }),
]);
export type FetchConfig = z.infer<typeof FetchConfig>;

export const RegistryConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('https'),
    /** Defaults to the event's host; `http` only for loopback in tests. */
    url: z.url({ protocol: /^https?$/ }),
    username: SecretReference.optional(),
    password: SecretReference.optional(),
  }),
  z.strictObject({ kind: z.literal('oci-layout'), path: z.string().min(1) }),
]);
export type RegistryConfig = z.infer<typeof RegistryConfig>;

const ScmApi = z.strictObject({
  kind: z.enum(['github', 'gitea', 'gitlab']),
  /** Of the API, without a path of the repository. `http` only for loopback. */
  url: z.url({ protocol: /^https?$/ }),
  token: SecretReference,
});

/** Where a repository's host shows what is said of a commit; the token may do that and nothing else. */
export const StatusConfig = ScmApi;
export type StatusConfig = z.infer<typeof StatusConfig>;

/** Where a repository's host tells who approved a change; the token may read that and nothing else. */
export const ReviewsConfig = ScmApi;
export type ReviewsConfig = z.infer<typeof ReviewsConfig>;

export const RepositoryConfig = z.strictObject({
  name,
  /** For an SCM: how to read its tree. */
  fetch: FetchConfig.optional(),
  /** For an SCM: where its host is told what was decided on a commit; nowhere when not given. */
  status: StatusConfig.optional(),
  /** For an SCM: where its host is asked who approved a change; nobody is asked when not given. */
  reviews: ReviewsConfig.optional(),
  /** For a registry: how to reach it. */
  registry: RegistryConfig.optional(),
  /** For a registry: the source repository whose release an image of the same tag must link to. */
  source: z.strictObject({ host: name, name }).optional(),
  /** Tags that announce a release (regular expression over the whole tag); others are ignored. */
  releaseTags: z.string().max(255).default('v[0-9].*'),
});
export type RepositoryConfig = z.infer<typeof RepositoryConfig>;

/** What is needed to read the repository and its reviews, and to tell its host what was decided. */
export const repositorySecrets = ({ fetch, registry, status, reviews }: RepositoryConfig): NamedSecret[] =>
  (
    [
      [['fetch', 'username'], fetch?.kind === 'git-https' ? fetch.username : undefined],
      [['fetch', 'password'], fetch?.kind === 'git-https' ? fetch.password : undefined],
      [['registry', 'username'], registry?.kind === 'https' ? registry.username : undefined],
      [['registry', 'password'], registry?.kind === 'https' ? registry.password : undefined],
      [['status', 'token'], status?.token],
      [['reviews', 'token'], reviews?.token],
    ] as const
  ).flatMap(([path, reference]) => (reference === undefined ? [] : [[path, reference] as const]));

export const SourceConfig = z.strictObject({
  provider: Provider,
  /** Path segment of `/hooks/<provider>/<instance>`; for AWS-native events the account id. */
  instance: z.string().regex(/^[a-z0-9][a-z0-9.-]{0,127}$/),
  /** Host the provider's repositories live on; defaults to `instance`. */
  host: name.optional(),
  /** Webhook secrets, at most two: the second is for rotation. */
  secrets: z.array(SecretReference).max(2).default([]),
  repositories: z.array(RepositoryConfig).min(1).max(10_000),
});
export type SourceConfig = z.infer<typeof SourceConfig>;

const secureUrl = z.url({ protocol: /^https?$/ });
/** PKCS#8 in PEM, by reference: RSA, P-256 or Ed25519. */
const signingKey = { key: SecretReference, keyId: name.optional() };

/** Who asks a host of private modules. Each kind is sent to exactly this host and to no other. */
export const CredentialConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('basic'), host: name, username: SecretReference, password: SecretReference }),
  z.strictObject({ kind: z.literal('bearer'), host: name, token: SecretReference }),
  z.strictObject({ kind: z.literal('netrc'), host: name, file: SecretReference }),
  /** A token that we sign ourselves, good for five minutes (RFC 7523). */
  z.strictObject({
    kind: z.literal('jwt'),
    host: name,
    ...signingKey,
    issuer: name,
    subject: name,
    audience: z.string().min(1).max(1024),
  }),
  /** OAuth 2 for machines (RFC 6749 §4.4). `tokenUrl` is on a listed host, too. */
  z.strictObject({
    kind: z.literal('client-credentials'),
    host: name,
    tokenUrl: secureUrl,
    clientId: name,
    proof: z.union([z.strictObject({ secret: SecretReference }), z.strictObject(signingKey)]),
    scope: z.string().max(1024).optional(),
    audience: z.string().max(1024).optional(),
  }),
  /** OAuth 2 for people (authorization code with PKCE): `relseal login HOST` on the machine that asks. */
  z.strictObject({
    kind: z.literal('login'),
    host: name,
    authorizationUrl: secureUrl,
    tokenUrl: secureUrl,
    clientId: name,
    /** Name of the server in its ID tokens, where that is not the origin of `tokenUrl`. */
    issuer: secureUrl.optional(),
    scope: z.string().max(1024).optional(),
  }),
]);
export type CredentialConfig = z.infer<typeof CredentialConfig>;

/** Keys that lead to a secret, and the reference to it. */
export type NamedSecret = readonly [path: readonly string[], reference: string];

/** What a credential is made of; a person's login is made by the person. */
export function credentialSecrets(credential: CredentialConfig): NamedSecret[] {
  switch (credential.kind) {
    case 'basic':
      return [
        [['username'], credential.username],
        [['password'], credential.password],
      ];
    case 'bearer':
      return [[['token'], credential.token]];
    case 'netrc':
      return [[['file'], credential.file]];
    case 'jwt':
      return [[['key'], credential.key]];
    case 'client-credentials':
      return 'secret' in credential.proof
        ? [[['proof', 'secret'], credential.proof.secret]]
        : [[['proof', 'key'], credential.proof.key]];
    case 'login':
      return [];
    default:
      return assertNever(credential);
  }
}

export const ModulesConfig = z.strictObject({
  /** A GOPROXY list. Required: nothing defaults to a public endpoint. */
  proxy: z.string().min(1),
  /**
   * A GOPROXY list for private modules alone. Absent: the first entry of `proxy` that does not serve everybody; they are
   * never asked for at the next.
   */
  privateProxy: z.string().min(1).optional(),
  /** Verifier key of the checksum database, `name+hash+key`; `sum.golang.org` names the published one. */
  checksumDatabase: z.string().min(1),
  /**
   * A second place that serves the same database, reached independently of the first: `https://HOST/` of the database
   * itself, or `…/sumdb/NAME` of a module proxy. Each run compares the newest heads of both. `http` only for loopback.
   */
  checksumWitness: secureUrl.optional(),
  /** Module path patterns (as GOPRIVATE) that are never asked of public services. */
  private: z.array(z.string()).default([]),
  /**
   * Module path patterns that may be asked of public services; `*` is everything that is not the tenant's own. What lies
   * on the tenant's own hosts and organisations is private until a pattern names it literally.
   */
  public: z.array(z.string()).default([]),
  /**
   * Name of the tenant's own checksum database, `host[/path]`: served by `relseal serve` at `/sumdb/<tenant>` to whoever
   * can reach the server, who may also have private modules logged at their first use.
   */
  database: z
    .string()
    .regex(/^[a-z0-9.-]+(?:\/[a-z0-9./-]+)?$/)
    .max(200)
    .optional(),
  /** Who asks the hosts of the proxy list; hosts that are not named are asked by nobody in particular. */
  credentials: z
    .array(CredentialConfig)
    .max(100)
    .refine((all) => new Set(all.map(({ host }) => host)).size === all.length, 'two credentials for one host')
    .default([]),
});
export type ModulesConfig = z.infer<typeof ModulesConfig>;

/** As `hosts` lists it; what is no URL is on no list. */
export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url);

/** The web addresses of a GOPROXY list. */
const addressesIn = (list: string): string[] =>
  list.split(/[,|]/).filter((entry) => /^https?:/.test(entry) && URL.canParse(entry));

/** Whatever modules make us ask over the network, by the keys that lead to it; each host must be among `hosts`. */
export function moduleAddresses(
  modules: ModulesConfig,
): (readonly [path: readonly (string | number)[], url: string])[] {
  const { proxy, privateProxy = '', checksumWitness, credentials } = modules;
  return [
    ...credentials.flatMap((credential, at) => [
      [['credentials', at, 'host'], `https://${credential.host}/`] as const,
      ...('tokenUrl' in credential ? [[['credentials', at, 'tokenUrl'], credential.tokenUrl] as const] : []),
    ]),
    ...(checksumWitness === undefined ? [] : [[['checksumWitness'], checksumWitness] as const]),
    ...addressesIn(proxy).map((url) => [['proxy'], url] as const),
    ...addressesIn(privateProxy).map((url) => [['privateProxy'], url] as const),
  ];
}

/** Where a digest runs. `local-proxy`: a reverse proxy of the embedded server; `proxy`: one that is reached by its API. */
export const TargetConfig = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('local-proxy'),
    listen: z.strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) }),
    /** What takes the traffic before anything was promoted here; nothing when not given. */
    stable: OciDigest.optional(),
    /** Where each revision answers. */
    revisions: z.array(z.strictObject({ digest: OciDigest, url: z.url({ protocol: /^http$/ }) })).max(1000),
  }),
  z.strictObject({
    kind: z.literal('proxy'),
    url: z.url({ protocol: /^https?$/ }),
    token: SecretReference,
  }),
]);
export type TargetConfig = z.infer<typeof TargetConfig>;

export const MetricsConfig = z.strictObject({
  kind: z.literal('prometheus'),
  url: z.url({ protocol: /^https?$/ }),
  /** Answers are asked for this long before now: two scrape intervals. */
  lagSeconds: z.int().min(0).max(600).default(30),
});
export type MetricsConfig = z.infer<typeof MetricsConfig>;

/** One number that decides. It is a breach above `limit`, and blocks after `consecutive` breaches. */
export const SignalConfig = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** A query that gives one series. */
  query: z.string().min(1).max(4096),
  limit: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
  /** `ratio` is 0 to 1, never per cent. */
  unit: z.enum(['ratio', 'milliseconds']),
  consecutive: z.int().min(1).max(10),
  /** Share of the score; those of an environment add up to 100. */
  weight: z.int().min(1).max(100),
  /** How many events the query rests on; fewer than `atLeast` decide nothing. */
  events: z.strictObject({ query: z.string().min(1).max(4096), atLeast: z.int().min(1) }).optional(),
  /** Age of the newest sample in seconds, as a query; above 120 the signal is stale. */
  age: z.string().min(1).max(4096).optional(),
});
export type SignalConfig = z.infer<typeof SignalConfig>;

export const StageConfig = z.strictObject({
  /** Per cent of the traffic. */
  weight: z.int().min(1).max(100),
  ticks: z.int().min(1).max(60),
});
export type StageConfig = z.infer<typeof StageConfig>;

/** Where promotions lead: which repositories may, what decides, in which steps. */
export const EnvironmentConfig = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** Image repositories that may be promoted here. */
  repositories: z
    .array(z.strictObject({ host: name, name }))
    .min(1)
    .max(1000),
  target: TargetConfig,
  metrics: MetricsConfig,
  signals: z.array(SignalConfig).min(1).max(16),
  stages: z
    .array(StageConfig)
    .min(1)
    .max(16)
    .default([
      { weight: 10, ticks: 5 },
      { weight: 50, ticks: 5 },
      { weight: 100, ticks: 10 },
    ]),
  /** Persons who must approve, none of them who asked. */
  approvals: z.int().min(0).max(5).default(1),
  /** Shorter than a minute in test environments only. */
  tickSeconds: z.int().min(1).max(60).default(60),
  /** How long nobody may judge before the promotion is rolled back; three ticks when not given. */
  heartbeatSeconds: z.int().min(1).max(600).optional(),
});
export type EnvironmentConfig = z.infer<typeof EnvironmentConfig>;

const log = {
  /** Name of the log and of its key: `<host>/<path>`, no scheme. */
  origin: z.string().regex(/^[^\s+]{1,200}$/),
  /**
   * Who cosigns the log's checkpoints, and how many must before one is shown (C2SP tlog-policy without log lines; each
   * witness with the URL that it is asked at, whose host must be among `hosts`); nobody when not given.
   */
  witnessPolicy: z.string().min(1).max(100_000).optional(),
};

export const TenantConfig = z.strictObject({
  id: TenantId.refine((id) => id !== META_LOG, `${META_LOG} is the log of logs, and no tenant`),
  ...log,
  /** Path of the policy document. */
  policy: z.string().min(1),
  /** People are found by hashes under this key; erasing it severs them all. */
  pseudonymKey: SecretReference.optional(),
  modules: ModulesConfig,
  sources: z.array(SourceConfig).min(1).max(100),
  environments: z.array(EnvironmentConfig).max(100).default([]),
});
export type TenantConfig = z.infer<typeof TenantConfig>;

/** Where a log asks its witnesses. A policy that cannot be read is `ConfigurationInvalid`, with the place. */
export const witnessUrls = ({ witnessPolicy }: Pick<LogConfig, 'witnessPolicy'>): string[] =>
  witnessPolicy === undefined ? [] : readWitnessPolicy(witnessPolicy).asked.map(({ url }) => url.href);

/** A host the egress client may reach; all others are refused. */
export const HostConfig = z.strictObject({
  host: name,
  /** Loopback and private addresses are refused without this. */
  private: z.boolean().default(false),
});

export const Config = z.strictObject({
  schema: z.literal('relseal.config/1'),
  environment: z.strictObject({
    kind: z.enum(['production', 'test']),
    /** On AWS, in production: classes that are locked for fewer days than the log. */
    retention: RetentionConfig.exactOptional(),
  }),
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(8787) })
    .prefault({}),
  hosts: z.array(HostConfig).default([]),
  /** Lets whoever has it change the proxies of this server, at `/targets/<tenant>%2F<environment>`. */
  targetsToken: SecretReference.optional(),
  tenants: z.array(TenantConfig).min(1).max(1000),
  /** Takes the checkpoints of the tenants' logs as its entries; there is no such log when not given. */
  metaLog: z.strictObject(log).optional(),
});
export type Config = z.infer<typeof Config>;

/** A log as it is published. */
export interface LogConfig {
  readonly id: TenantId;
  readonly origin: string;
  readonly witnessPolicy?: string | undefined;
}

/** The logs of all tenants, and the log of logs. */
export const logsOf = ({ tenants, metaLog }: Pick<Config, 'tenants' | 'metaLog'>): readonly LogConfig[] => [
  ...tenants,
  ...(metaLog ? [{ id: META_LOG, ...metaLog }] : []),
];

/** One of them; of any other name `ConfigurationInvalid`. */
export function logOf(config: Config, id: TenantId): LogConfig {
  const found = logsOf(config).find((one) => one.id === id);
  if (!found) throw new Fault('ConfigurationInvalid', `there is no tenant ${id}`);
  return found;
}
