import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { Hono } from 'hono';
import * as z from 'zod';
import { replaceFile } from '../adapters/embedded/replace-file.ts';
import { LettersAsk, RedriveAsk, type ReplayAsk, type RunAsk, type RunsAsk } from '../core/desk/asks.ts';
import { ListedRun } from '../core/desk/list-runs.ts';
import { ShownRun } from '../core/desk/show-run.ts';
import { type DeadLetters, MOST_REDRIVEN } from '../core/ports/dead-letters.ts';
import type { DataFolder } from './data-folder.ts';
import { type Answer, askDeployment, type Deployment } from './deployment.ts';

/** How the commands of one machine reach its server: its address and a token, in a file for its user only. */
const ServerFile = z.strictObject({ url: z.url(), token: z.string().min(32) });
export type ServerFile = z.infer<typeof ServerFile>;

/** Whom commands ask: the server of a data folder, or a deployment. */
export type Server = ServerFile | Deployment;

/** Who asks. A deployment is told no name: it knows who signed. */
export interface By {
  readonly operator: string;
}
export const byWhom = (server: Server): Partial<By> => ('token' in server ? { operator: userInfo().username } : {});

const ReplayAnswer = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.enum(['started', 'redriven']), runName: z.string() }),
  z.strictObject({
    kind: z.literal('refused'),
    code: z.enum(['replay.not-failed', 'replay.superseded', 'replay.unknown']),
    runName: z.string(),
  }),
]);
export type ReplayAnswer = z.infer<typeof ReplayAnswer>;

const RunsAnswer = z.object({ kind: z.literal('listed'), runs: z.array(ListedRun) });
const RunAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('shown'), shown: ShownRun }),
  z.object({ kind: z.literal('refused'), code: z.literal('run.unknown') }),
]);

const Letters = z.array(
  z.strictObject({
    id: z.string(),
    event: z.string().exactOptional(),
    run: z.string().exactOptional(),
    tries: z.int(),
    reason: z.string().exactOptional(),
  }),
);
const Redriven = z.strictObject({ redriven: z.int() });
const LettersAnswer = z.object({ kind: z.literal('listed'), deadLetters: Letters });
const RedriveAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('redriven'), redriven: z.int() }),
  z.object({ kind: z.literal('refused'), code: z.literal('dead-letter.unknown') }),
]);

/** Asks for all dead letters, at most; each makes a few hundred due. */
const MOST_REDRIVES = 100;

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
    const read = LettersAsk.safeParse({ limit: Number(context.req.query('limit')) });
    if (!read.success) return context.json({ code: 'request.invalid' }, 400);
    return context.json(await deadLetters.list(read.data.limit));
  });
  app.post('/dead-letters', async (context) => {
    const read = RedriveAsk.safeParse(await context.req.json().catch(() => undefined));
    if (!read.success) return context.json({ code: 'request.invalid' }, 400);
    return context.json({ redriven: await deadLetters.redrive(read.data.id) });
  });
  return app;
}

export const newControlToken = (): string => randomBytes(32).toString('base64url');

export async function writeServerFile(folder: DataFolder, file: ServerFile): Promise<void> {
  await replaceFile(folder.server, `${JSON.stringify(file)}\n`, 0o600);
}

export const removeServerFile = (folder: DataFolder): Promise<void> => rm(folder.server, { force: true });

/** One call to the control interface of a running server. */
const askServer = (server: ServerFile, path: string, body?: unknown): Promise<Answer> =>
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
  const alive = await askServer(server, '/ping').catch(() => undefined);
  return alive?.ok ? server : undefined;
}

async function answered<T>(asked: Promise<Answer>, schema: z.ZodType<T>): Promise<T> {
  const response = await asked;
  if (!response.ok) throw new Error(`the server answered ${response.status}`);
  return schema.parse(await response.json());
}

/** One ask of a desk by its name, answered as the schema says. */
export const askFor = <T>(server: Server, name: string, body: object, schema: z.ZodType<T>): Promise<T> =>
  answered(
    'token' in server ? askServer(server, `/${name}`, body) : askDeployment(server, `/control/${name}`, body),
    schema,
  );

export const askForReplay = (server: Server, how: ReplayAsk & Partial<By>): Promise<ReplayAnswer> =>
  askFor(server, 'replay', how, ReplayAnswer);

/** Runs of a deployment; those of a data folder are read there. */
export const askForRuns = async (deployment: Deployment, which: RunsAsk): Promise<readonly ListedRun[]> =>
  (await askFor(deployment, 'runs', which, RunsAnswer)).runs;

/** One run of a deployment, or undefined when it knows none of this name. */
export async function askForRun(deployment: Deployment, which: RunAsk): Promise<ShownRun | undefined> {
  const answer = await askFor(deployment, 'run', which, RunAnswer);
  return answer.kind === 'shown' ? answer.shown : undefined;
}

/** The dead letters of a running server: it must learn of what is due again. */
export const deadLettersOf = (server: ServerFile): DeadLetters => ({
  list: (limit) => answered(askServer(server, `/dead-letters?limit=${limit}`), Letters),
  redrive: async (id) =>
    (await answered(askServer(server, '/dead-letters', id === undefined ? {} : { id }), Redriven)).redriven,
});

async function redriveOn(deployment: Deployment, ask: RedriveAsk): Promise<number> {
  const answer = await askFor(deployment, 'redrive', ask, RedriveAnswer);
  return answer.kind === 'redriven' ? answer.redriven : 0;
}

/** All of them: a deployment answers after a part, since its gateway waits for nobody. */
async function redriveAllOn(deployment: Deployment): Promise<number> {
  let redriven = 0;
  for (let asked = 0; asked < MOST_REDRIVES; asked += 1) {
    const now = await redriveOn(deployment, {});
    redriven += now;
    if (now < MOST_REDRIVEN) break;
  }
  return redriven;
}

/** The dead letters of a deployment. */
export const deployedLetters = (deployment: Deployment): DeadLetters => ({
  list: async (limit) => (await askFor(deployment, 'dead-letters', { limit }, LettersAnswer)).deadLetters,
  redrive: (id) => (id === undefined ? redriveAllOn(deployment) : redriveOn(deployment, { id })),
});
