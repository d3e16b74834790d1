import * as z from 'zod';
import { Sha256Hex } from '../../events/fields.ts';
import type { AuditState } from '../ports/audit-store.ts';

const size = z.int().nonnegative();
const Head = z.strictObject({
  size,
  root: Sha256Hex,
  edge: z.array(Sha256Hex),
  batchHash: z.union([Sha256Hex, z.literal('')]),
});

/** An audit's state as stores keep it. */
export const AuditStateRow: z.ZodType<AuditState> = z.strictObject({
  newest: Head,
  rotating: Head,
  looked: z.string(),
  endedAt: size,
  run: z.strictObject({
    name: z.string(),
    rounds: size,
    before: Head,
    began: size,
    wrapped: z.boolean(),
    found: z.array(z.string()),
    ended: z.boolean(),
  }),
  standing: z.strictObject({ codes: z.array(z.string()), laps: size }).optional(),
});
