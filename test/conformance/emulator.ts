import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge } from './loopback-registry.ts';

/** An emulator of AWS on loopback, with an empty account. */
export interface Emulator {
  /** For every client of the SDK. */
  readonly client: {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
    readonly maxAttempts: number;
  };
  readonly account: string;
  stop(): Promise<void>;
}

const REGION = 'us-east-1';
const ACCOUNT = '000000000000';

/** Where the emulator is installed; `undefined` when it is not, which `RELSEAL_REQUIRE` makes a failure. */
export function emulatorProgram(): string | undefined {
  const program = judge('../emu/bin/ministack');
  if (!program)
    process.stderr.write('skipped: the AWS emulator is not installed (test/conformance/install-tools.sh)\n');
  return program;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(url: string, child: ChildProcess, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 400 && child.exitCode === null; attempt += 1) {
    try {
      if ((await fetch(url)).ok) return;
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the emulator does not answer at ${url}\n${log()}`);
}

/**
 * Starts it with the permissions of IAM evaluated, bound to loopback, and with nothing of this machine's own credentials
 * in reach of it or of the functions it runs.
 */
export async function startEmulator(program: string): Promise<Emulator> {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-emulator-'));
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const output: string[] = [];
  const child = spawn(program, [], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      TMPDIR: folder,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
      IOT_MTLS_ENABLED: '0',
      LOG_LEVEL: process.env.RELSEAL_EMULATOR_LOG ?? 'WARNING',
      AUTH: 'true',
      LAMBDA_ACCOUNT_CONCURRENCY: '40',
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_DEFAULT_REGION: REGION,
      SFN_WAIT_SCALE: '1',
    },
  });
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output.push(chunk.toString());
      if (process.env.RELSEAL_EMULATOR_LOG) process.stderr.write(chunk);
    });
  const log = () => output.join('').slice(-4000);
  await answers(`${endpoint}/_ministack/health`, child, log);
  return {
    client: {
      endpoint,
      region: REGION,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 3,
    },
    account: ACCOUNT,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A request to the emulator's port, with whatever host its headers name. */
export function sendTo(
  { client }: Emulator,
  path: string,
  { method = 'GET', headers, body }: Sent,
): Promise<HttpAnswer> {
  const { hostname, port } = new URL(client.endpoint);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** A request to an HTTP API of the emulator, under the API's own host name. */
export const callApi = (emulator: Emulator, api: string, path: string, sent: Sent = {}): Promise<HttpAnswer> =>
  sendTo(emulator, path, { ...sent, headers: { ...sent.headers, host: new URL(api).host } });
