import * as z from 'zod';

/** Strings that must not be swapped for one another. The wire-level ones (digests, commits, tenants) are in `events/fields.ts`. */

/** `h1:` and padded base64 of a SHA-256: the dirhash of a module zip or of a go.mod file, never a file's SHA-256. */
export const H1Digest = z
  .string()
  .regex(/^h1:[A-Za-z0-9+/]{43}=$/)
  .brand('H1Digest');
export type H1Digest = z.infer<typeof H1Digest>;

export const ModulePath = z.string().min(1).max(1024).brand('ModulePath');
export type ModulePath = z.infer<typeof ModulePath>;

/** A Go module version with its leading `v`, as go.mod writes it. */
export const ModuleVersion = z
  .string()
  .regex(/^v\d[^\s]*$/)
  .max(255)
  .brand('ModuleVersion');
export type ModuleVersion = z.infer<typeof ModuleVersion>;
