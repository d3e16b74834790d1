import * as z from 'zod';
import { arn, LEDGER } from '../environment.ts';

export const Env = z.object({ ...LEDGER, NOTE_KEY_ARN: arn });
export type Env = z.infer<typeof Env>;
