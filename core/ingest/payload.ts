import * as z from 'zod';
import { GitSha, OciDigest, UtcInstant } from '../../events/fields.ts';

/** Readers of single payload fields. Optional facts that do not fit become null: they are hints, never identities. */

const clean = (text: string, max: number): string =>
  text
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
    .toWellFormed()
    .slice(0, max)
    .toWellFormed();

/** A required name: control characters stripped, then 1 to `max` characters, else the delivery is rejected. */
export const payloadName = (max = 255) =>
  z
    .string()
    .max(65_536)
    .transform((text) => clean(text, 65_536))
    .pipe(z.string().min(1).max(max));

/** An optional fact: stripped and cut; empty, absent or of another type is null. */
export const payloadFact = (max = 255) =>
  z
    .unknown()
    .optional()
    .transform((value) => factOf(value, max));

function factOf(value: unknown, max: number): string | null {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  return typeof value === 'string' ? clean(value, max) || null : null;
}

/** An object id, or null for none, the all-zero one and anything that is no object id. */
export const payloadSha = z
  .unknown()
  .optional()
  .transform((value) => GitSha.safeParse(value).data ?? null);

export const payloadDigest = z
  .unknown()
  .optional()
  .transform((value) => OciDigest.safeParse(value).data ?? null);

/** A UTC instant or null; Go's zero time means "not set". */
export const payloadInstant = z
  .unknown()
  .optional()
  .transform((value) => {
    const instant = UtcInstant.safeParse(value).data;
    return instant === undefined || instant.startsWith('0001-') ? null : instant;
  });
