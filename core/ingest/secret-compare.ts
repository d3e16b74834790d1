import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { AuthScheme } from '../../events/canonical.ts';
import type { Authentication, DeliveryHeaders } from './provider.ts';

/** More than a rotation needs. */
const MAX_SIGNATURES = 8;

/** Compares digests of both, so that neither content nor length shows in the time taken. */
const sameText = (left: string, right: string): boolean =>
  timingSafeEqual(createHash('sha256').update(left).digest(), createHash('sha256').update(right).digest());

/** All active secrets are compared, whichever fits first. An empty secret never authenticates anything. */
function firstFit(scheme: AuthScheme, secrets: readonly string[], fits: (secret: string) => boolean): Authentication {
  if (secrets.length === 0 || secrets.some((secret) => secret === '')) return { ok: false, code: 'auth.no-secret' };
  const fitting = secrets.map(fits).indexOf(true);
  return fitting < 0 ? { ok: false, code: 'auth.wrong' } : { ok: true, scheme, keyId: `secret-${fitting + 1}` };
}

/** HMAC-SHA256 of the raw body as 64 lower-case hex digits; any other spelling is refused. */
export function authenticateHmac(
  hex: string | undefined,
  rawBody: Uint8Array,
  secrets: readonly string[],
): Authentication {
  if (hex === undefined || hex === '') return { ok: false, code: 'auth.missing' };
  if (!/^[0-9a-f]{64}$/.test(hex)) return { ok: false, code: 'auth.wrong' };
  return firstFit('hmac-sha256', secrets, (secret) =>
    sameText(createHmac('sha256', secret).update(rawBody).digest('hex'), hex),
  );
}

/** A header whose whole value is the secret. */
export function authenticateStatic(value: string | undefined, secrets: readonly string[]): Authentication {
  if (value === undefined || value === '') return { ok: false, code: 'auth.missing' };
  return firstFit('static-token', secrets, (secret) => sameText(secret, value));
}

/** A signature is good for this long before and after its time. */
const REPLAY_WINDOW_MS = 300_000;

/**
 * Standard Webhooks: HMAC-SHA256 over `<id>.<timestamp>.<body>`, base64, one of the `v1,…` in the header. The secret is
 * base64 behind `whsec_`. A time outside the window is as wrong as a bad signature.
 */
export function authenticateStandardWebhook(
  headers: DeliveryHeaders,
  rawBody: Uint8Array,
  secrets: readonly string[],
  nowMs: number,
): Authentication {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature']?.split(' ').filter((each) => each.startsWith('v1,')) ?? [];
  if (!id || !timestamp || signatures.length === 0) return { ok: false, code: 'auth.missing' };
  const fresh = /^[1-9][0-9]{0,11}$/.test(timestamp) && Math.abs(nowMs - Number(timestamp) * 1000) <= REPLAY_WINDOW_MS;
  if (!fresh || signatures.length > MAX_SIGNATURES) return { ok: false, code: 'auth.wrong' };
  return firstFit('standard-webhooks', secrets, (secret) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
    const made = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(rawBody).digest('base64');
    return key.length > 0 && signatures.map((each) => sameText(`v1,${made}`, each)).includes(true);
  });
}
