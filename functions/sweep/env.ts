import * as z from 'zod';
import { arn, LEDGER, name, PROMOTION_MACHINES, RELEASE_MACHINES } from '../environment.ts';

export const Env = z.object({
  ...LEDGER,
  ...RELEASE_MACHINES,
  ...PROMOTION_MACHINES,
  CHECKPOINT_MACHINE_ARN: arn,
  AUDIT_MACHINE_ARN: arn,
  CLAIMS_TABLE_NAME: name,
});
export type Env = z.infer<typeof Env>;
