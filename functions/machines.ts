import type * as z from 'zod';
import type { PROMOTION_MACHINES, RELEASE_MACHINES } from './environment.ts';

/** ARNs by the names the catalogue gives the machines. */
export const releaseMachinesOf = (env: z.infer<z.ZodObject<typeof RELEASE_MACHINES>>) => ({
  'source-release': env.SOURCE_RELEASE_MACHINE_ARN,
  'change-check': env.CHANGE_CHECK_MACHINE_ARN,
  'image-release': env.IMAGE_RELEASE_MACHINE_ARN,
});

export const promotionMachinesOf = (env: z.infer<z.ZodObject<typeof PROMOTION_MACHINES>>) => ({
  promotion: env.PROMOTION_MACHINE_ARN,
  rollback: env.ROLLBACK_MACHINE_ARN,
});
