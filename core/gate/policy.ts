import * as z from 'zod';
import { ModulePolicy } from '../modpolicy/module-policy.ts';
import { SignerPolicy } from '../signers/signer-policy.ts';

/** What each gate asks for, as data. Its digest is part of every verdict, so a changed rule shows. */

export const GateName = z.enum(['change', 'source', 'sign', 'promote']);
export type GateName = z.infer<typeof GateName>;

const kebab = z.string().regex(/^[a-z][a-z0-9-]{0,63}$/);

/** A rule is met when the named check was made and passed. Every rule that is not met refuses; none only warns. */
export const PolicyRule = z.strictObject({
  id: kebab,
  /** The check, by the name of its step. */
  requires: kebab,
  /**
   * `release`: made exactly once, of a change once for each of its modules. `platform`: made once for each platform of an
   * image, at least once.
   */
  each: z.enum(['release', 'platform']).default('release'),
  /** What the rule demands, one sentence. */
  message: z.string().min(1).max(512),
  /** What to do when the check was not made. */
  fix: z.string().min(1).max(512),
  /** For reports only. */
  severity: z.enum(['low', 'medium', 'high', 'critical']),
  /** Control clauses the rule is evidence for, as `<framework>:<clause>`. */
  controls: z
    .array(
      z
        .string()
        .regex(/^[a-z0-9-]+:\S+$/)
        .max(64),
    )
    .max(32)
    .default([]),
});
export type PolicyRule = z.infer<typeof PolicyRule>;

const noRepeat = (rules: readonly PolicyRule[], key: 'id' | 'requires') =>
  new Set(rules.map((rule) => rule[key])).size === rules.length;

const Gate = z.strictObject({
  rules: z
    .array(PolicyRule)
    .max(200)
    .refine((rules) => noRepeat(rules, 'id'), 'two rules have the same id')
    .refine((rules) => noRepeat(rules, 'requires'), 'two rules require the same check')
    .default([]),
});

/** An absent gate or one without rules is valid data and refuses everything (`policy.empty`). */
export const Policy = z.strictObject({
  schema: z.literal('relseal.policy/1'),
  name: z.string().min(1).max(255),
  gates: z.strictObject({
    change: Gate.optional(),
    source: Gate.optional(),
    sign: Gate.optional(),
    promote: Gate.optional(),
  }),
  /** What a release may be made of; absent: every default of it. */
  modules: ModulePolicy.optional(),
  /** Who may sign the tags of releases; absent: who signed is shown and decides nothing. */
  signers: SignerPolicy.optional(),
});
export type Policy = z.infer<typeof Policy>;
