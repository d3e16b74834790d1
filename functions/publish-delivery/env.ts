import * as z from 'zod';
import { LEDGER, name } from '../environment.ts';

export const Env = z.object({ ...LEDGER, DELIVERIES_TABLE_NAME: name, TAGS_TABLE_NAME: name, EVENT_BUS_NAME: name });
export type Env = z.infer<typeof Env>;
