import * as z from 'zod';
import { Sha256Hex } from '../../events/fields.ts';

/** How many erasable objects went, and the SHA-256 of their names, each ended by a newline. */
export const ErasedObjects = z.strictObject({ count: z.int().nonnegative(), sha256: Sha256Hex });
export type ErasedObjects = z.infer<typeof ErasedObjects>;

/** What an erasure is about, without the person's name: kept from its begin to its end, so that it can be finished. */
export const Erasure = z.strictObject({
  /** Ours; the ledger has one entry for each. */
  id: z.string().min(1).max(64),
  by: z.strictObject({ id: z.string().min(1).max(255), authenticated: z.string().min(1).max(64) }),
  /** Absent for someone who was mentioned and never did anything. */
  pseudonym: Sha256Hex.exactOptional(),
  objects: ErasedObjects,
});
export type Erasure = z.infer<typeof Erasure>;

/** What stays: evidence of the `erasure` entry. */
export const erasureReceiptOf = ({ pseudonym, objects }: Erasure) => ({
  schema: 'relseal.erasure/1',
  ...(pseudonym === undefined ? {} : { pseudonym }),
  objects,
});
