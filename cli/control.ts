import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { Hono } from 'hono';
import * as z from 'zod';
import type { ReplayAsk } from '../core/desk/asks.ts';
import type { DeadLetters } from '../core/ports/dead-letters.ts';
import type { DataFolder } from './data-folder.ts';

/** How the commands of one machine reach its server: its address and a token, in a file for its user only. */
const ServerFile = z.strictObject({ url: z.url(), token: z.string().min(32) });
export type ServerFile = z.infer<typeof ServerFile>;

export const MOST_LETTERS = 1000;

const ReplayAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['started', 'redriven']), runName: z.string() }),
  z.strictObject({
    kind: z.literal('refused'),
    code: z.enum(['replay.not-failed', 'replay.superseded', 'replay.unknown']),
    runName: z.string(),
  }),
]);
export type ReplayAnswer = z.infer<typeof ReplayAnswer>;

const LetterAsk = z.strictObject({ id: z.string().min(1).max(64).exactOptional() });
const Letters = z.array(
  z.strictObject({
    id: z.string(),
    event: z.string().exactOptional(),
    run: z.string().exactOptional(),
    tries: z.int(),
    reason: z.string(),
  }),
);
const Redriven = z.strictObject({ redriven: z.int() });

const hash = (text: string) => createHash('sha256').update(text).digest();

export interface ControlDeps {
  readonly token: string;
  readonly deadLetters: DeadLetters;
}

/** What operators may ask of a running server; without the token nothing here exists. */
export function controlApp({ token, deadLetters }: ControlDeps): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    const given = context.req.header('authorization') ?? '';
    if (!timingSafeEqual(hash(given), hash(`Bearer ${token}`))) return context.notFound();
    return next();
  });
  app.get('/ping', (context) => context.json({ ok: true }));
  app.get('/dead-letters', async (context) => {
    const limit = z.coerce.number().int().min(1).max(MOST_LETTERS).safeParse(context.req.query('limit'));
    if (!limit.success) return context.json({ code: 'request.invalid' }, 400);
    return context.json(await deadLetters.list(limit.data));
  });
  app.post('/dead-letters', async (context) => {
    const read = LetterAsk.safeParse(await context.req.json().catch(() => undefined));
    if (!read.success) return context.json({ code: 'request.invalid' }, 400);
    return context.json({ redriven: await deadLetters.redrive(read.data.id) });
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

/** One call to the control interface of a running server. */
export const ask = (server: ServerFile, path: string, body?: unknown): Promise<Response> =>
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

async function answered<T>(asked: Promise<Response>, schema: z.ZodType<T>): Promise<T> {
  const response = await asked;
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return schema.parse(await response.json());
}

export const askForReplay = (
  server: ServerFile,
  how: ReplayAsk & { readonly operator: string },
): Promise<ReplayAnswer> => answered(ask(server, '/replay', how), ReplayAnswer);

/** The dead letters of a running server: it must learn of what is due again. */
export const deadLettersOf = (server: ServerFile): DeadLetters => ({
  list: (limit) => answered(ask(server, `/dead-letters?limit=${limit}`), Letters),
  redrive: async (id) =>
    (await answered(ask(server, '/dead-letters', id === undefined ? {} : { id }), Redriven)).redriven,
});
