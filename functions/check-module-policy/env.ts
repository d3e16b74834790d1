import * as z from 'zod';
import { CACHE, LEDGER, name } from '../environment.ts';

export const Env = z.object({ ...LEDGER, ...CACHE, HEADS_TABLE_NAME: name, VIEWS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
