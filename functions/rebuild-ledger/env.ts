import * as z from 'zod';
import { LEDGER } from '../environment.ts';

export const Env = z.object(LEDGER);
export type Env = z.infer<typeof Env>;
