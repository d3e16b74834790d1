import { type Context, Hono } from 'hono';
import { type DeliveryAnswer, type DeliveryRequest, MAX_BODY_BYTES } from '../../core/ingest/receive.ts';
import type { LogFile } from '../../core/ledger/read.ts';

export interface HttpAppDeps {
  receive(request: DeliveryRequest): Promise<DeliveryAnswer>;
  /** What `/healthz` says; `ok` decides between 200 and 503. */
  health(): Promise<{ ok: boolean } & Record<string, unknown>>;
  /** A tlog-tiles resource of one tenant's log, `undefined` when it has none. */
  readLog(tenant: string, path: string): Promise<LogFile | undefined>;
  /** Where webhooks may be sent, for the page at `/`. */
  readonly hooks: readonly { readonly provider: string; readonly instance: string }[];
}

const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** The raw bytes, but never more than one above the limit: enough to see that there are too many. */
async function boundedBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  if (!reader) return new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
    if (size > MAX_BODY_BYTES) {
      await reader.cancel();
      break;
    }
  }
  return new Uint8Array(Buffer.concat(chunks)).subarray(0, MAX_BODY_BYTES + 1);
}

const problem = (context: Context, status: 404 | 500, code: string, title: string) =>
  context.body(JSON.stringify({ type: `urn:relseal:problem:${code}`, title, status, code }), status, {
    'content-type': 'application/problem+json',
  });

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`);

function page({ hooks }: HttpAppDeps, ok: boolean, origin: string): string {
  const paths = hooks.map(({ provider, instance }) => escapeHtml(`${origin}/hooks/${provider}/${instance}`));
  const list = paths.map((path) => `<li><code>POST ${path}</code></li>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Relseal</title><meta name="viewport" content="width=device-width"></head>
<body>
<main>
<h1>Relseal</h1>
<p>Release compliance for Go software: a tag or an image push in, a verdict and a verifiable ledger out.</p>
<p>Health: <strong>${ok ? 'ok' : 'not ok'}</strong> (<a href="/healthz">details</a>)</p>
<h2>Send the first webhook</h2>
<p>Point a source at its path below, content type JSON, with the secret its configuration names. A push of a release tag is
answered with 202 and a delivery id; <code>relseal runs</code> shows what follows.</p>
<ul>
${list}
</ul>
<h2>Check the ledger</h2>
<p>Each tenant's log is served in the tlog-tiles format below <code>/ledger/&lt;tenant&gt;/</code>, beginning with
<code>checkpoint</code>.</p>
</main>
</body>
</html>
`;
}

/** The HTTP face of the embedded server. It decides nothing: answers come from core, failures are a fixed text. */
export function httpApp(deps: HttpAppDeps): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    await next();
    for (const [name, value] of Object.entries(SECURITY_HEADERS))
      if (!context.res.headers.has(name)) context.res.headers.set(name, value);
  });
  app.all('/hooks/:provider/:instance', async (context) => {
    const answer = await deps.receive({
      provider: context.req.param('provider'),
      instance: context.req.param('instance'),
      method: context.req.method,
      headers: context.req.header(),
      body: await boundedBody(context.req.raw),
    });
    const allow = answer.status === 405 ? { allow: 'POST' } : {};
    return new Response(answer.body, {
      status: answer.status,
      headers: { 'content-type': answer.contentType, ...allow },
    });
  });
  app.get('/healthz', async (context) => {
    const health = await deps.health();
    return context.json(health, health.ok ? 200 : 503);
  });
  app.get('/ledger/:tenant/*', async (context) => {
    const tenant = context.req.param('tenant');
    const path = context.req.path.slice(`/ledger/${tenant}/`.length);
    const file = await deps.readLog(tenant, path);
    if (!file) return problem(context, 404, 'log.not-found', 'No such resource of the log');
    return new Response(new Uint8Array(file.bytes), {
      headers: {
        'content-type': file.contentType,
        'cache-control': file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
      },
    });
  });
  app.get('/', async (context) => {
    const { ok } = await deps.health();
    return context.html(page(deps, ok, new URL(context.req.url).origin));
  });
  app.notFound((context) => problem(context, 404, 'path.unknown', 'Nothing is served here'));
  app.onError((_error, context) => problem(context, 500, 'server.fault', 'The server could not answer'));
  return app;
}
