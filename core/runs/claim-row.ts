import * as z from 'zod';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { ClaimRow } from '../ports/claim-store.ts';

const Stored: z.ZodType<ClaimRow> = z.strictObject({
  tenant: TenantId,
  businessKey: Sha256Hex,
  machine: z.string(),
  runName: z.string(),
  replay: z.int().nonnegative(),
  redrives: z.int().nonnegative(),
  status: z.enum(['running', 'passed', 'refused', 'failed']),
  claimedAt: z.string(),
  eventId: z.string(),
  traceparent: z.string().exactOptional(),
  actor: z.strictObject({ id: z.string(), authenticated: z.string() }).exactOptional(),
  input: z.unknown(),
  error: z.string().exactOptional(),
  cause: z.string().exactOptional(),
});

/** A claim from the JSON that a store keeps it as. */
export const parseClaimRow = (json: string): ClaimRow => Stored.parse(JSON.parse(json));
