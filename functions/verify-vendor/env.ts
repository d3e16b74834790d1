import * as z from 'zod';
import { WORM } from '../environment.ts';

export const Env = z.object({ ...WORM });
export type Env = z.infer<typeof Env>;
