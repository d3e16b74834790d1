import * as z from 'zod';
import { Provider, TenantId } from '../events/fields.ts';

/** `relseal.yaml` and the CDK context hold this same document. Every secret is a reference. */

const name = z.string().min(1).max(255);
/** `env:NAME`, `file:PATH` or `arn:…`; the value itself is never in the document. */
export const SecretReference = z.string().regex(/^(?:env:[A-Z][A-Z0-9_]*|file:.+|arn:.+)$/);

/** Where a repository's tree comes from. `module-proxy`: the tree is the module zip and the commit stays claimed. */
export const FetchConfig = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('module-proxy'), module: name }),
  z.strictObject({ kind: z.literal('git'), path: z.string().min(1) }),
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

export const RepositoryConfig = z.strictObject({
  name,
  /** For an SCM: how to read its tree. */
  fetch: FetchConfig.optional(),
  /** For a registry: how to reach it. */
  registry: RegistryConfig.optional(),
  /** For a registry: the source repository whose release an image of the same tag must link to. */
  source: z.strictObject({ host: name, name }).optional(),
  /** Tags that announce a release (regular expression over the whole tag); others are ignored. */
  releaseTags: z.string().max(255).default('v[0-9].*'),
});
export type RepositoryConfig = z.infer<typeof RepositoryConfig>;

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

export const ModulesConfig = z.strictObject({
  /** A GOPROXY list. Required: nothing defaults to a public endpoint. */
  proxy: z.string().min(1),
  /** Verifier key of the checksum database, `name+hash+key`; `sum.golang.org` names the published one. */
  checksumDatabase: z.string().min(1),
  /** Module path patterns (as GOPRIVATE) that are never asked of public services. */
  private: z.array(z.string()).default([]),
});
export type ModulesConfig = z.infer<typeof ModulesConfig>;

export const TenantConfig = z.strictObject({
  id: TenantId,
  /** Name of the log and of its key: `<host>/<path>`, no scheme. */
  origin: z.string().regex(/^[^\s+]{1,200}$/),
  /** Path of the policy document. */
  policy: z.string().min(1),
  /** Key of the pseudonyms of people; erasing it severs them. */
  pseudonymKey: SecretReference.optional(),
  modules: ModulesConfig,
  sources: z.array(SourceConfig).min(1).max(100),
});
export type TenantConfig = z.infer<typeof TenantConfig>;

/** A host the egress client may reach; all others are refused. */
export const HostConfig = z.strictObject({
  host: name,
  /** Loopback and private addresses are refused without this. */
  private: z.boolean().default(false),
});

export const Config = z.strictObject({
  schema: z.literal('relseal.config/1'),
  environment: z.strictObject({ kind: z.enum(['production', 'test']) }),
  listen: z
    .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535).default(8787) })
    .prefault({}),
  hosts: z.array(HostConfig).default([]),
  tenants: z.array(TenantConfig).min(1).max(1000),
});
export type Config = z.infer<typeof Config>;
