import * as z from 'zod';
import { name, TARGET_CHANGES } from '../environment.ts';

export const Env = z.object({ ...TARGET_CHANGES, WAITS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
