import type { Authentication, DeliveryHeaders } from '../provider.ts';
import { authenticateHmac } from '../secret-compare.ts';

/** `X-Gitea-Signature: <hex>` over the raw JSON body; the GitHub header that Gitea also sends is not needed. */
export const authenticate = (
  headers: DeliveryHeaders,
  rawBody: Uint8Array,
  secrets: readonly string[],
): Authentication => authenticateHmac(headers['x-gitea-signature'], rawBody, secrets);
