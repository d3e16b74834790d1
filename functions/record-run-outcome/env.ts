import * as z from 'zod';
import { LEDGER, name, PROMOTION_MACHINES, RELEASE_MACHINES } from '../environment.ts';

export const Env = z.object({ ...LEDGER, ...RELEASE_MACHINES, ...PROMOTION_MACHINES, CLAIMS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
