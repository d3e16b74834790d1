import * as z from 'zod';
import { name, WORM } from '../environment.ts';

export const Env = z.object({ ...WORM, CLAIMS_TABLE_NAME: name, WAITS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
