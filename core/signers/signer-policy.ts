import * as z from 'zod';

/** The `signers` section of a policy. */
export const SignerPolicy = z.strictObject({
  /** What an unsigned tag is worth, and one signed by nobody we know. A bad signature always refuses. */
  tags: z.enum(['refuse', 'warn']).default('refuse'),
  /** Whether the signature of the commit stands in for that of a lightweight tag: it says who wrote, not who released. */
  orCommit: z.boolean().default(false),
  /** Public keys as `gpg --armor --export` writes them. */
  openpgp: z.array(z.string().min(1).max(262_144)).max(1000).default([]),
  /** Lines as of ssh-keygen(1) `allowed_signers`; times in UTC. */
  allowedSigners: z.string().max(1_048_576).default(''),
});
export type SignerPolicy = z.infer<typeof SignerPolicy>;
