import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { deskWorld } from '../test/fakes/desk-world.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { NEXT } from '../test/fakes/promotion-world.ts';
import type { Command } from './command.ts';
import { deadLettersListCommand, deadLettersRedriveCommand } from './dead-letters-command.ts';
import { approveCommand, promoteCommand, stopCommand } from './promotion-commands.ts';
import { runsShowCommand } from './run-show-command.ts';
import { replayCommand, runsCommand, runsListCommand } from './runs-commands.ts';

const SECRET = 'a test secret';
const environment = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'AKIDTEST', AWS_SECRET_ACCESS_KEY: SECRET };
const session = { ...environment, AWS_SESSION_TOKEN: 'a test token' };
const IMAGE = `registry.example.com/acme/payments@${NEXT}`;
const UNKNOWN = `promotion-${'0'.repeat(40)}`;

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** Whether the signature is that of the request as it arrived, for this API and region. */
function isSigned({ method, url = '', headers }: IncomingMessage, body: string): boolean {
  const given = /^AWS4-HMAC-SHA256 Credential=AKIDTEST\/(\S+), SignedHeaders=(\S+), Signature=(\S+)$/;
  const [, scope = '', names = '', signature] = given.exec(headers.authorization ?? '') ?? [];
  const lines = names.split(';').map((name) => `${name}:${String(headers[name])}\n`);
  const path = url.replaceAll('$', '%24');
  const canonical = [method, path, '', lines.join(''), names, sha256(body)].join('\n');
  const at = String(headers['x-amz-date']);
  const text = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>(hmac, `AWS4${SECRET}`);
  const covered = ['content-type', 'host', 'x-amz-date'].every((name) => names.split(';').includes(name));
  const expected = hmac(key, text).toString('hex');
  return covered && scope === `${at.slice(0, 8)}/eu-central-1/execute-api/aws4_request` && signature === expected;
}

interface Received {
  readonly path: string;
  readonly body: unknown;
  readonly token: unknown;
}

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

async function listen(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = z.object({ port: z.int() }).parse(server.address());
  return `http://127.0.0.1:${port}`;
}

/** A deployment on loopback: a gateway that checks signatures, below a stage, before the real desk. */
async function deployment() {
  const desk = await deskWorld();
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    if (!isSigned(request, text)) return void response.writeHead(403).end('{"message":"Forbidden"}');
    const body: unknown = JSON.parse(text);
    received.push({ path: request.url ?? '', body, token: request.headers['x-amz-security-token'] });
    const answer = await desk.ask(request.url?.split('/').at(-1) ?? '', body);
    if (answer.kind === 'unreadable') return void response.writeHead(400).end(JSON.stringify({ code: answer.code }));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body));
  });
  const url = `${await listen(server)}/$default`;
  const on = (command: Command, args: readonly string[], variables: Record<string, string> = environment) =>
    runCommand(command, [...args, '--server', url], { environment: variables });
  return { ...desk, received, on, run: desk.world.run.name };
}

const ALL: readonly [string, Command, readonly string[]][] = [
  ['runs', runsCommand, []],
  ['runs list', runsListCommand, []],
  ['runs show', runsShowCommand, [UNKNOWN]],
  ['replay', replayCommand, [UNKNOWN]],
  ['promote', promoteCommand, [IMAGE, '--environment', 'production']],
  ['approve', approveCommand, [UNKNOWN]],
  ['stop', stopCommand, [UNKNOWN]],
  ['dead-letters list', deadLettersListCommand, []],
  ['dead-letters redrive', deadLettersRedriveCommand, ['event-1']],
];

describe('commands on a deployment', () => {
  it('send what is asked, signed, and no name of who asks', async () => {
    const { on, received, run } = await deployment();
    await on(runsListCommand, ['--status', 'running', '--machine', 'promotion', '--limit', '7']);
    await on(runsShowCommand, [run]);
    await on(replayCommand, [run, '--from', 'start', '--reason', 'the proxy is back']);
    await on(promoteCommand, [IMAGE, '--environment', 'production', '--tenant', 'acme']);
    await on(approveCommand, [run, '--refuse', '--reason', 'not now']);
    await on(stopCommand, [run], session);
    const image = { host: 'registry.example.com', repository: 'acme/payments', digest: NEXT };
    expect(received).toEqual(
      [
        { path: 'runs', body: { limit: 7, status: 'running', machine: 'promotion' } },
        { path: 'run', body: { run } },
        { path: 'replay', body: { run, from: 'start', reason: 'the proxy is back' } },
        { path: 'promotions', body: { ...image, tenant: 'acme', environment: 'production' } },
        { path: 'approvals', body: { run, decision: 'refused', reason: 'not now' } },
        { path: 'stops', body: { run }, token: 'a test token' },
      ].map(({ path, ...rest }) => ({ path: `/$default/control/${path}`, ...rest })),
    );
  });

  it('list and show its runs as those of a data folder', async () => {
    const { on, run, project } = await deployment();
    const listed = await on(runsListCommand, ['--json']);
    expect([listed.code, listed.json()]).toMatchObject([
      0,
      { runs: [{ run, status: 'running', machine: 'promotion' }] },
    ]);
    expect((await on(runsListCommand, [])).out).toEqual([expect.stringContaining(`running  ${run}`)]);
    expect((await on(runsListCommand, ['--status', 'failed'])).out).toEqual([]);
    await on(stopCommand, [run]);
    await project();
    const shown = await on(runsShowCommand, [run, '--json']);
    expect([shown.code, shown.json()]).toMatchObject([
      0,
      {
        run,
        claim: { status: 'running' },
        engine: { description: { status: 'ABORTED' } },
        entries: [{ index: 0, kind: 'audit.run-stopped', outcome: 'info', codes: [] }],
        next: 'wait: it goes on by itself',
      },
    ]);
    const { out } = await on(runsShowCommand, [run]);
    expect(out).toEqual(expect.arrayContaining([`${run}  running`, 'engine    ABORTED, redriven 0 times']));
    expect(out.join('\n')).not.toContain('undefined');
  });

  it('act there as they do on a server of this machine', async () => {
    const { on, run, stopped } = await deployment();
    const promoted = await on(promoteCommand, [IMAGE, '--environment', 'production']);
    expect([promoted.code, promoted.out]).toEqual([0, [`${run} started`]]);
    const stop = await on(stopCommand, [run]);
    expect([stop.code, stop.out, stopped]).toEqual([0, [`${run} stopped`], [run]]);
  });

  it('refuse with 1 what the desk refuses', async () => {
    const { on, run } = await deployment();
    const refusals = [
      await on(runsShowCommand, [UNKNOWN, '--json']),
      await on(replayCommand, [UNKNOWN, '--json']),
      await on(replayCommand, [run, '--json']),
      await on(promoteCommand, [IMAGE, '--environment', 'moon', '--json']),
      await on(approveCommand, [run, '--json']),
      await on(stopCommand, [UNKNOWN, '--json']),
    ];
    const codes = ['run.unknown', 'replay.unknown', 'replay.not-failed'];
    const more = ['promotion.environment-unknown', 'approval.not-open', 'run.unknown'];
    expect(refusals.map(({ code }) => code)).toEqual(refusals.map(() => 1));
    expect(refusals.map((each) => each.json())).toMatchObject(
      [...codes, ...more].map((code) => ({ kind: 'refused', code })),
    );
    expect((await on(runsShowCommand, [UNKNOWN])).out[0]).toContain('is not a run of this deployment');
  });

  it.each(ALL)('%s says so when the account refuses whoever signed', async (_name, command, args) => {
    const { on, received } = await deployment();
    const asked = on(command, args, { ...environment, AWS_SECRET_ACCESS_KEY: 'another test secret' });
    await expect(asked).rejects.toMatchObject({ name: 'NotAllowed', message: expect.stringContaining('403') });
    expect(received).toEqual([]);
  });

  it.each(ALL)('%s says so when nobody answers, without its credentials', async (_name, command, args) => {
    const url = await listen(createServer());
    await new Promise((resolve) => servers.pop()?.close(resolve));
    const asked = runCommand(command, [...args, '--server', url], { environment: session });
    const error: unknown = await asked.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'NetworkFailure', message: expect.stringContaining('/control/') });
    expect(String(error)).not.toMatch(/a test secret|a test token/);
  });

  it('end as wrong usage when the desk cannot read what is asked', async () => {
    const { on } = await deployment();
    for (const command of [runsShowCommand, replayCommand, approveCommand, stopCommand])
      await expect(on(command, ['x'.repeat(81)])).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('fail when the answer is not that of a desk', async () => {
    const answers: [number, string, object][] = [
      [200, '<html>', { name: 'SyntaxError' }],
      [200, '{"kind":"listed"}', { name: 'ZodError' }],
      [302, '', { message: 'the server answered 302' }],
      [500, '{}', { message: 'the server answered 500' }],
    ];
    for (const [status, body, error] of answers) {
      const url = await listen(createServer((_request, response) => void response.writeHead(status).end(body)));
      await expect(runCommand(runsListCommand, ['--server', url], { environment })).rejects.toMatchObject(error);
    }
  });
});

describe('wrong usage of --server', () => {
  it.each(ALL)('%s takes either a data folder or a deployment', async (_name, command, args) => {
    const usage = { name: 'UsageError', message: 'name a data folder with --data, or a deployment with --server' };
    await expect(runCommand(command, args, { environment })).rejects.toMatchObject(usage);
    const both = [...args, '--data', 'nowhere', '--server', 'https://api.example.com'];
    await expect(runCommand(command, both, { environment })).rejects.toMatchObject(usage);
  });

  it.each([
    ['what is no URL', 'api.example.com'],
    ['http', 'http://api.example.com'],
    ['another scheme', 'ftp://127.0.0.1'],
    ['credentials', 'https://me:secret@api.example.com'],
    ['a query', 'https://api.example.com/?a=b'],
    ['a fragment', 'https://api.example.com/#a'],
  ])('refuses %s', async (_what, url) => {
    await expect(runCommand(runsListCommand, ['--server', url], { environment })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('--server takes the https URL'),
    });
  });

  it.each(Object.keys(environment))('names %s when it is missing', async (name) => {
    const args = ['--server', 'https://api.example.com'];
    for (const value of ['', undefined])
      await expect(
        runCommand(runsListCommand, args, { environment: { ...environment, [name]: value } }),
      ).rejects.toMatchObject({ name: 'UsageError', message: expect.stringContaining(name) });
  });

  it('takes the region of either variable', async () => {
    const { on } = await deployment();
    const { AWS_REGION: AWS_DEFAULT_REGION, ...others } = environment;
    expect((await on(runsListCommand, [], { ...others, AWS_DEFAULT_REGION })).code).toBe(0);
  });

  it('lists at most a thousand runs of each tenant', async () => {
    const asked = runCommand(runsListCommand, ['--server', 'https://api.example.com', '--limit', '1001'], {
      environment,
    });
    await expect(asked).rejects.toMatchObject({ name: 'UsageError', message: '--limit is 1 to 1000' });
  });
});
