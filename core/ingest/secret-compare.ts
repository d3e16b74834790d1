import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { AuthScheme } from '../../events/canonical.ts';
import type { Authentication } from './provider.ts';

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
