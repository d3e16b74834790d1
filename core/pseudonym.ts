import { createHmac } from 'node:crypto';
import type { Sha256Hex, TenantId } from '../events/fields.ts';
import { sha256Hex } from './evidence.ts';

/** What stands for a person on the ledger: an HMAC under a random key of the person's own. Without the key it is a number. */
export const pseudonymOf = (key: Uint8Array, tenant: TenantId): Sha256Hex =>
  sha256Hex(createHmac('sha256', key).update(`relseal.actor/2\0${tenant}`).digest());
