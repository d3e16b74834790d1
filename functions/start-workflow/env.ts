import * as z from 'zod';
import { name, RELEASE_MACHINES } from '../environment.ts';

export const Env = z.object({ ...RELEASE_MACHINES, DELIVERIES_TABLE_NAME: name, CLAIMS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
