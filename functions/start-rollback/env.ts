import * as z from 'zod';
import { arn, name } from '../environment.ts';

export const Env = z.object({ CLAIMS_TABLE_NAME: name, ROLLBACK_MACHINE_ARN: arn });
export type Env = z.infer<typeof Env>;
