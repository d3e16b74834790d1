import { createHmac } from 'node:crypto';
import type { Sha256Hex, TenantId } from '../events/fields.ts';
import { sha256Hex } from './evidence.ts';

/**
 * What stands for a person on the ledger: an HMAC under a key of the tenant's own, which can be erased. `name` says whose
 * name it is, its parts apart by NUL.
 */
export const pseudonymOf = (key: string, tenant: TenantId, name: string): Sha256Hex =>
  sha256Hex(createHmac('sha256', key).update(`relseal.actor/1\0${tenant}\0${name}`).digest());
