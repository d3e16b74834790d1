import * as z from 'zod';

/** Field shapes that events and core share. Everything here is a wire format: hex is lower case, digests carry their algorithm. */

export const Sha256Hex = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .brand('Sha256Hex');
export type Sha256Hex = z.infer<typeof Sha256Hex>;

/** `sha256:<64 hex>`, the only digest algorithm Relseal judges. */
export const OciDigest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/)
  .brand('OciDigest');
export type OciDigest = z.infer<typeof OciDigest>;

/** A git object id, SHA-1 (40) or SHA-256 (64 hex). All zero means "no object" in hooks and is never one. */
export const GitSha = z
  .string()
  .regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/)
  .refine((sha) => !/^0+$/.test(sha), 'all-zero object id')
  .brand('GitSha');
export type GitSha = z.infer<typeof GitSha>;

export const TenantId = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,38}$/)
  .brand('TenantId');
export type TenantId = z.infer<typeof TenantId>;

/** RFC 3339 in UTC with `Z`. */
export const UtcInstant = z.iso.datetime();

export const PROVIDERS = [
  'github',
  'gitlab',
  'gitea',
  'forgejo',
  'bitbucket-cloud',
  'bitbucket-dc',
  'azuredevops',
  'codecommit',
  'ecr',
  'ghcr',
  'harbor',
  'distribution',
  'dockerhub',
  'quay',
  'artifactory',
  'gar',
  'acr',
] as const;
export const Provider = z.enum(PROVIDERS);
export type Provider = z.infer<typeof Provider>;

/** Host and path of a repository as the source names it; host is lower case with an optional port. */
export const RepositoryRef = z.strictObject({
  host: z.string().min(1).max(255),
  name: z.string().min(1).max(255),
});
export type RepositoryRef = z.infer<typeof RepositoryRef>;
