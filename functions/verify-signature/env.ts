import * as z from 'zod';
import { keyArnsByTenant, WORM } from '../environment.ts';

export const Env = z.object({ ...WORM, ARTIFACT_KEY_ARNS: keyArnsByTenant });
export type Env = z.infer<typeof Env>;
