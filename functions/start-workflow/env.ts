import * as z from 'zod';
import { LEDGER, name, RELEASE_MACHINES } from '../environment.ts';

export const Env = z.object({
  ...LEDGER,
  ...RELEASE_MACHINES,
  DELIVERIES_TABLE_NAME: name,
  CLAIMS_TABLE_NAME: name,
  /** Tries of one message before the queue puts it aside. */
  QUEUE_MAX_RECEIVES: z.coerce.number().int().positive(),
});
export type Env = z.infer<typeof Env>;
