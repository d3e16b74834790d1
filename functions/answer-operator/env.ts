import * as z from 'zod';
import { DESK } from '../desk.ts';

export const Env = z.object(DESK);
export type Env = z.infer<typeof Env>;
