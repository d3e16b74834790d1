import * as z from 'zod';

/** One coded reason to refuse. `code` reads `area.fact`; the texts are fixed per code, the values are what was seen. */
export const Refusal = z.strictObject({
  code: z
    .string()
    .regex(/^[a-z]+(?:\.[a-z][a-z0-9-]*)+$/)
    .max(64),
  where: z.string().min(1).max(1024).optional(),
  expected: z.string().min(1).max(1024).optional(),
  found: z.string().min(1).max(1024).optional(),
  fix: z.string().min(1).max(512).optional(),
});
export type Refusal = z.infer<typeof Refusal>;

/** An answer is a value: pass, or refuse with at least one reason. Nothing checked is not a pass. */
export const Verdict = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('pass') }),
  z.strictObject({ kind: z.literal('refuse'), reasons: z.tuple([Refusal], Refusal) }),
]);
export type Verdict = z.infer<typeof Verdict>;

export const verdictOf = ([first, ...rest]: readonly Refusal[]): Verdict =>
  first ? { kind: 'refuse', reasons: [first, ...rest] } : { kind: 'pass' };
