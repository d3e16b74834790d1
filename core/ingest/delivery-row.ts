import * as z from 'zod';
import { CanonicalEvent } from '../../events/canonical.ts';
import { Sha256Hex, TenantId } from '../../events/fields.ts';
import { NormalisedDelivery } from '../../events/normalised.ts';
import type { DeliveryRow } from '../ports/delivery-store.ts';

const Stored: z.ZodType<DeliveryRow> = z.strictObject({
  key: z.string().min(1),
  tenant: TenantId,
  provider: z.string(),
  instance: z.string(),
  deliveryId: z.string(),
  receivedAt: z.string(),
  bodySha256: Sha256Hex,
  raw: z.string().exactOptional(),
  auth: z.strictObject({ scheme: z.string(), keyId: z.string() }),
  normalised: NormalisedDelivery,
  status: z.enum(['received', 'published', 'rejected']),
  attempts: z.int().nonnegative(),
  dueAt: z.int(),
  events: z.array(CanonicalEvent),
  lastError: z.string().exactOptional(),
});

/** A delivery from the JSON that a store keeps it as. */
export const parseDeliveryRow = (json: string): DeliveryRow => Stored.parse(JSON.parse(json));
