import * as z from 'zod';
import { CACHE, name, WORM } from '../environment.ts';

export const Env = z.object({ ...WORM, ...CACHE, HEADS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
