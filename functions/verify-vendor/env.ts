import * as z from 'zod';
import { CACHE, WORM } from '../environment.ts';

export const Env = z.object({ ...WORM, ...CACHE });
export type Env = z.infer<typeof Env>;
