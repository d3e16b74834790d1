import * as z from 'zod';
import { RECEPTION } from '../reception.ts';

export const Env = z.object(RECEPTION);
export type Env = z.infer<typeof Env>;
