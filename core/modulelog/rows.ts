import * as z from 'zod';
import { Sha256Hex } from '../../events/fields.ts';
import { ModulePath, ModuleVersion } from '../brands.ts';
import type { LoggedModule, ModuleLogHead } from '../ports/module-log-store.ts';

/** Rows of a module log as every store keeps them. */

export const LoggedModuleRow: z.ZodType<LoggedModule> = z.strictObject({
  index: z.int().nonnegative(),
  path: ModulePath,
  version: ModuleVersion,
  text: z.string(),
  trust: z.enum(['tofu', 'upstream']),
  loggedAt: z.string(),
});

export const ModuleLogHeadRow: z.ZodType<ModuleLogHead> = z.strictObject({
  size: z.int().nonnegative(),
  edge: z.array(Sha256Hex),
});

/** The head of a log that nothing was appended to. */
export const emptyModuleLog = (): ModuleLogHead => ({ size: 0, edge: [] });
