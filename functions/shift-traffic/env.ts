import * as z from 'zod';
import { TARGET_CHANGES } from '../environment.ts';

export const Env = z.object(TARGET_CHANGES);
export type Env = z.infer<typeof Env>;
