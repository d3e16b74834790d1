import { isJsonObject, type Json } from '../../../core/asl/json.ts';

/** Whom work is for that is for no tenant: it takes its turn as one of them. */
export const NO_TENANT = '';

/** Whose turn a run takes. Those whose input names no tenant share one. */
export function tenantOf(input: Json): string {
  const tenant = isJsonObject(input) ? input.tenant : undefined;
  return typeof tenant === 'string' ? tenant : NO_TENANT;
}
