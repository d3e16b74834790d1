import * as z from 'zod';

const pem = z.string().min(1).max(65_536);

/** Who a certificate has to be of. */
export const X509Identity = z.strictObject({
  /** The OpenID Connect issuer that a certificate of Fulcio names, exactly; absent: the certificate names none. */
  issuer: z.string().min(1).max(2048).optional(),
  /** An e-mail address or URI; `*`, once in a part between `/` and `@`, stands for one character or more of that part. */
  subject: z
    .string()
    .min(1)
    .max(2048)
    .refine((subject) => subject.split(/[/@]/).every((part) => part.split('*').length <= 2), 'a part has two *'),
});
export type X509Identity = z.infer<typeof X509Identity>;

/** Whose X.509 signatures count: those of gpgsm and smimesign, or with `transparencyLogs` those of gitsign. */
export const X509Policy = z.strictObject({
  roots: z.array(pem).min(1).max(100),
  intermediates: z.array(pem).max(100).default([]),
  identities: z.array(X509Identity).min(1).max(1000),
  /** Public keys. Where any is named, the time of a signature is what one of these logs promised, and no other counts. */
  transparencyLogs: z.array(pem).max(100).default([]),
});
export type X509Policy = z.infer<typeof X509Policy>;

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
  x509: X509Policy.optional(),
});
export type SignerPolicy = z.infer<typeof SignerPolicy>;
