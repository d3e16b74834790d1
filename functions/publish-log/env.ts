import * as z from 'zod';
import { arn, LEDGER } from '../environment.ts';

export const Env = z.object({ ...LEDGER, CHECKPOINT_MACHINE_ARN: arn });
export type Env = z.infer<typeof Env>;
