import { createServer } from 'node:http';
import { fileLoginStore } from '../adapters/embedded/file-login-store.ts';
import { openEgress } from '../adapters/network/egress.ts';
import { startLogin } from '../adapters/network/oauth-login.ts';
import type { CredentialConfig } from '../core/config.ts';
import { type Command, DATA_OPTION, EXIT, type Io, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { dataFolder } from './data-folder.ts';

type LoginConfig = Extract<CredentialConfig, { kind: 'login' }>;

/** How long the browser may take. */
const PATIENCE_MS = 300_000;
const DONE = 'You are logged in. This page can be closed.\n';
const FAILED = 'The login did not succeed; the terminal says why.\n';

interface Callback {
  readonly redirectUri: string;
  /** The address the browser came back to, and how to answer it. */
  readonly arrived: Promise<{ url: URL; answer(text: string): void }>;
  close(): void;
}

/** Listens on loopback for one browser to come back (RFC 8252 §7.3). */
async function listenForCallback(signal: AbortSignal): Promise<Callback> {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', listening);
  });
  const address = server.address();
  const redirectUri = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/callback`;
  const arrived = new Promise<{ url: URL; answer(text: string): void }>((resolve, reject) => {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    patience.addEventListener('abort', () => reject(new UsageError('nobody logged in in time')), { once: true });
    server.on('request', (request, response) => {
      const url = new URL(request.url ?? '/', redirectUri);
      const text = { 'content-type': 'text/plain; charset=utf-8', connection: 'close' };
      if (request.method !== 'GET' || url.pathname !== '/callback') return void response.writeHead(404, text).end();
      resolve({ url, answer: (body) => void response.writeHead(200, text).end(body) });
    });
  });
  return {
    redirectUri,
    arrived,
    close: () => {
      server.close();
      server.closeIdleConnections();
    },
  };
}

async function logIn(config: LoginConfig, hosts: Parameters<typeof openEgress>[0], io: Io): Promise<string> {
  const egress = openEgress(hosts);
  const callback = await listenForCallback(io.signal);
  try {
    const login = await startLogin(egress, config, callback.redirectUri);
    io.out(login.url);
    io.note('Open this address in a browser on this machine.');
    const { url, answer } = await callback.arrived;
    try {
      const { refreshToken } = await login.finish(url);
      answer(DONE);
      return refreshToken;
    } catch (error) {
      answer(FAILED);
      throw error;
    }
  } finally {
    callback.close();
    egress.close();
  }
}

export const loginCommand: Command = {
  name: 'login',
  summary: 'log in to a host of private modules that has a credential of kind `login` in the configuration',
  positionals: 'HOST',
  options: DATA_OPTION,
  run: async (given, io) => {
    const [host, ...more] = given.positionals;
    if (host === undefined || more.length > 0) throw new UsageError('name one host');
    const folder = dataFolder(given.required('data'));
    const config = await readConfigFile(folder.config);
    const found = config.tenants
      .flatMap(({ modules }) => modules.credentials)
      .find((each): each is LoginConfig => each.kind === 'login' && each.host === host);
    if (!found) throw new UsageError(`the configuration has no credential of kind login for ${host}`);
    const refreshToken = await logIn(found, config.hosts, io);
    await fileLoginStore(folder.logins).save(host, refreshToken);
    io.note(`logged in to ${host}`);
    return EXIT.done;
  },
};
