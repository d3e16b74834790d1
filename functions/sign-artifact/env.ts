import * as z from 'zod';
import { keyArnsByTenant, LEDGER } from '../environment.ts';

export const Env = z.object({ ...LEDGER, ARTIFACT_KEY_ARNS: keyArnsByTenant });
export type Env = z.infer<typeof Env>;
