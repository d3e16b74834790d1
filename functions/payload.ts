import * as z from 'zod';
import { Fault } from '../core/faults.ts';
import { RunContext } from '../core/task.ts';
import type { TenantId } from '../events/fields.ts';

const Payload = z.looseObject({ run: RunContext });

/** The tenant of a step's payload, for steps whose adapters differ from tenant to tenant. */
export function tenantOfPayload(payload: unknown): TenantId {
  const read = Payload.safeParse(payload);
  if (!read.success) throw new Fault('InputInvalid', 'the payload names no run');
  return read.data.run.tenant;
}
