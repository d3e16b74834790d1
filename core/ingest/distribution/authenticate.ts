import type { Authentication, DeliveryHeaders } from '../provider.ts';
import { authenticateStatic } from '../secret-compare.ts';

/** The whole `Authorization` header as the registry's notification endpoint is configured to send it. */
export const authenticate = (
  headers: DeliveryHeaders,
  _rawBody: Uint8Array,
  secrets: readonly string[],
): Authentication => authenticateStatic(headers.authorization, secrets);
