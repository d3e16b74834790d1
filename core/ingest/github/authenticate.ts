import type { Authentication, DeliveryHeaders } from '../provider.ts';
import { authenticateHmac } from '../secret-compare.ts';

/** `X-Hub-Signature-256: sha256=<hex>` over the raw body. The SHA-1 header is never looked at. */
export function authenticate(
  headers: DeliveryHeaders,
  rawBody: Uint8Array,
  secrets: readonly string[],
): Authentication {
  const value = headers['x-hub-signature-256'];
  if (value !== undefined && !value.startsWith('sha256=')) return { ok: false, code: 'auth.wrong' };
  return authenticateHmac(value?.slice('sha256='.length), rawBody, secrets);
}
