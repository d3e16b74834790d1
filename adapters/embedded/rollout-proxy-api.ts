import { createHash, timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import * as z from 'zod';
import { isFault } from '../../core/faults.ts';
import type { ObservedRollout, RolloutTarget } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';

export interface RolloutApiDeps {
  readonly token: string;
  /** By the name that the path gives. */
  readonly proxies: ReadonlyMap<string, { readonly target: RolloutTarget }>;
}

const StateRequest = z.strictObject({
  stable: OciDigest.exactOptional(),
  canary: OciDigest.exactOptional(),
  weight: z.int().min(0).max(100),
});
const MAX_BODY_BYTES = 4096;

const PROBLEMS = {
  400: ['request.invalid', 'The body is no state of a target'],
  401: ['token.invalid', 'The token is missing or wrong'],
  404: ['target.unknown', 'No such target'],
  412: ['target.changed', 'The target is no longer at this version'],
  413: ['request.too-long', 'The body is too long'],
  422: ['target.refused', 'The target does not take this state'],
  428: ['request.unconditional', 'If-Match must name the version that was read'],
  500: ['server.fault', 'The server could not answer'],
  503: ['target.unreachable', 'The target could not keep this state'],
} as const;

function problem(context: Context, status: keyof typeof PROBLEMS): Response {
  const [code, title] = PROBLEMS[status];
  return context.body(JSON.stringify({ type: `urn:relseal:problem:${code}`, title, status, code }), status, {
    'content-type': 'application/problem+json',
    ...(status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  });
}

const answered = (context: Context, state: ObservedRollout) => context.json(state, 200, { etag: `"${state.version}"` });

/** The version that a change is bound to; a list or `*` would bind it to none. */
const versionOf = (context: Context) => /^"([^"]{1,128})"$/.exec(context.req.header('if-match') ?? '')?.[1];

const hash = (text: string) => createHash('sha256').update(text).digest();

/**
 * What the proxies of this machine run, for whoever has the token: `GET` and `PUT /targets/<name>`, the latter
 * with the version that was read in `If-Match`. Serve it over TLS when it leaves the machine.
 */
export function rolloutApi({ token, proxies }: RolloutApiDeps): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const given = context.req.header('authorization') ?? '';
    if (!timingSafeEqual(hash(given), hash(`Bearer ${token}`))) return problem(context, 401);
    await next();
    context.res.headers.set('cache-control', 'no-store');
    return undefined;
  });
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES, onError: (context) => problem(context, 413) }));
  app.get('/targets/:name', async (context) => {
    const proxy = proxies.get(context.req.param('name'));
    return proxy ? answered(context, await proxy.target.read()) : problem(context, 404);
  });
  app.put('/targets/:name', async (context) => {
    const proxy = proxies.get(context.req.param('name'));
    if (!proxy) return problem(context, 404);
    const state = StateRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!state.success) return problem(context, 400);
    const version = versionOf(context);
    if (version === undefined) return problem(context, 428);
    return answered(context, await proxy.target.set(state.data, version));
  });
  app.notFound((context) => problem(context, 404));
  app.onError((error, context) => {
    if (isFault(error, 'TargetRefused')) return problem(context, 422);
    if (isFault(error, 'TargetConflict')) return problem(context, 412);
    return problem(context, isFault(error, 'TargetUnreachable') ? 503 : 500);
  });
  return app;
}
