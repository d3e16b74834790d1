import type { Authentication, DeliveryHeaders } from '../provider.ts';
import { authenticateStandardWebhook, authenticateStatic } from '../secret-compare.ts';

const SIGNING_TOKEN = /^whsec_/;

/**
 * A signing token (`whsec_…`) demands a Standard Webhooks signature, whatever else was sent; a plain one is the value of
 * `X-Gitlab-Token`, which says who sent the delivery and leaves to TLS that nobody changed it.
 */
export function authenticate(
  headers: DeliveryHeaders,
  rawBody: Uint8Array,
  secrets: readonly string[],
  nowMs: number,
): Authentication {
  const signing = secrets.filter((secret) => SIGNING_TOKEN.test(secret));
  if (signing.length === 0) return authenticateStatic(headers['x-gitlab-token'], secrets);
  return authenticateStandardWebhook(headers, rawBody, signing, nowMs);
}
