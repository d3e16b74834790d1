import * as z from 'zod';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import type { WaitRow } from '../ports/wait-store.ts';

/** A wait as a store keeps it; its state is parsed by whoever reads it. */
export const StoredWait = z.strictObject({
  tenant: TenantId,
  businessKey: Sha256Hex,
  kind: z.enum(['approval', 'stage']),
  ordinal: z.int().nonnegative(),
  machine: z.string(),
  runName: z.string(),
  token: z.string(),
  version: z.int().nonnegative(),
  open: z.boolean(),
  state: z.unknown(),
}) satisfies z.ZodType<WaitRow>;
