import * as z from 'zod';
import { name } from '../environment.ts';

export const Env = z.object({ WAITS_TABLE_NAME: name });
export type Env = z.infer<typeof Env>;
