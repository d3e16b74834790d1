import * as z from 'zod';
import { LEDGER, name } from '../environment.ts';

export const Env = z.object({ ...LEDGER, CLAIMS_TABLE_NAME: name, WAITS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
