import { Hono } from 'hono';
import { isFault } from '../../core/faults.ts';
import type { DatabaseAnswer } from '../../core/modulelog/database.ts';
import type { Refusal } from '../../core/verdict.ts';

export interface ModuleDatabaseAppDeps {
  /** Where the app is mounted, `/sumdb`; absent: at the root. */
  readonly base?: string;
  /** The answer of one tenant's database; `undefined` when there is no such tenant. */
  answer(tenant: string, path: string): Promise<DatabaseAnswer | undefined>;
  /** Told of what failed, for the log: callers get a fixed text. */
  failed(error: unknown): void;
}

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const told = ({ code, where = '', found = '', fix = '' }: Refusal) =>
  `${[`${code}: ${where}`, found, fix].filter((line) => line !== '').join('\n')}\n`;

/** Tenant and path of the protocol. The go command writes the `!` of an escaped capital as `%21`. */
function partsOf(pathname: string): readonly [string, string] | readonly [] {
  try {
    const [, tenant = '', path = ''] = /^\/([^/]*)\/(.*)$/s.exec(decodeURIComponent(pathname)) ?? [];
    return [tenant, path];
  } catch {
    return [];
  }
}

/**
 * The module logs as checksum databases, at `/<tenant>/…`. The go command shows the text of what is no answer; it takes
 * only 404 and 410 for "not there" and stops at everything else.
 */
export function moduleDatabaseApp(deps: ModuleDatabaseAppDeps): Hono {
  const app = new Hono();
  app.get('/:tenant/*', async (context) => {
    const [tenant = '', path = ''] = partsOf(new URL(context.req.url).pathname.slice(deps.base?.length ?? 0));
    const answer = await deps.answer(tenant, path);
    if (answer === undefined || answer.kind === 'absent') return context.body('not in this log\n', 404, TEXT);
    if (answer.kind === 'refused') return context.body(told(answer.reason), 403, TEXT);
    return context.body(Uint8Array.from(answer.bytes), 200, {
      ...(answer.text ? TEXT : { 'content-type': 'application/octet-stream' }),
      'cache-control': answer.forEver ? 'public, max-age=31536000, immutable' : 'no-store',
    });
  });
  app.onError((error, context) => {
    deps.failed(error);
    // Faults of the other side or of a store pass; the rest is for an operator.
    const passing = isFault(error) && /(?:Unreachable|Unavailable|Conflict)$/.test(error.name);
    return context.body(`${isFault(error) ? error.name : 'InternalError'}\n`, passing ? 503 : 500, TEXT);
  });
  return app;
}
