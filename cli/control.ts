import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Hono } from 'hono';
import * as z from 'zod';
import { isFault } from '../core/faults.ts';
import type { ReplayOutcome } from '../core/runs/replay.ts';
import type { DataFolder } from './data-folder.ts';

/** How the commands of one machine reach its server: its address and a token, in a file for its user only. */
const ServerFile = z.strictObject({ url: z.url(), token: z.string().min(32) });
export type ServerFile = z.infer<typeof ServerFile>;

const ReplayRequest = z.strictObject({ run: z.string().min(1).max(80), operator: z.string().min(1).max(255) });
const ReplayAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('started'), runName: z.string() }),
  z.strictObject({
    kind: z.literal('refused'),
    code: z.enum(['replay.not-failed', 'replay.superseded', 'replay.unknown']),
    runName: z.string(),
  }),
]);
export type ReplayAnswer = z.infer<typeof ReplayAnswer>;

const hash = (text: string) => createHash('sha256').update(text).digest();

export interface ControlDeps {
  readonly token: string;
  replay(run: string, operator: string): Promise<ReplayOutcome>;
}

/** What operators may ask of a running server; without the token nothing here exists. */
export function controlApp({ token, replay }: ControlDeps): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const given = context.req.header('authorization') ?? '';
    if (!timingSafeEqual(hash(given), hash(`Bearer ${token}`))) return context.notFound();
    return next();
  });
  app.get('/ping', (context) => context.json({ ok: true }));
  app.post('/replay', async (context) => {
    const request = ReplayRequest.safeParse(await context.req.json().catch(() => undefined));
    if (!request.success) return context.json({ code: 'request.invalid' }, 400);
    const { run, operator } = request.data;
    try {
      return context.json(await replay(run, operator));
    } catch (error) {
      if (!isFault(error, 'InputInvalid')) throw error;
      return context.json({ kind: 'refused', code: 'replay.unknown', runName: run } satisfies ReplayAnswer);
    }
  });
  return app;
}

export const newControlToken = (): string => randomBytes(32).toString('base64url');

export async function writeServerFile(folder: DataFolder, file: ServerFile): Promise<void> {
  const part = `${folder.server}.part`;
  await writeFile(part, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  await rename(part, folder.server);
}

export const removeServerFile = (folder: DataFolder): Promise<void> => rm(folder.server, { force: true });

const ask = (server: ServerFile, path: string, body?: unknown): Promise<Response> =>
  fetch(`${server.url}/control${path}`, {
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(30_000),
  });

/** The server that runs on a data folder, or undefined: a file alone may be what a killed one left. */
export async function findServer(folder: DataFolder): Promise<ServerFile | undefined> {
  let text: string;
  try {
    text = await readFile(folder.server, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  const server = ServerFile.parse(JSON.parse(text));
  const alive = await ask(server, '/ping').catch(() => undefined);
  return alive?.ok ? server : undefined;
}

export async function askForReplay(server: ServerFile, run: string, operator: string): Promise<ReplayAnswer> {
  const response = await ask(server, '/replay', { run, operator });
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return ReplayAnswer.parse(await response.json());
}
