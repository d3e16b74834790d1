import { execFileSync, spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';

/** A git that knows no settings but its own, and who makes its commits. */
export const GIT_ENVIRONMENT = {
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.com',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.com',
};

/** Git's own HTTP server (`git http-backend`) on loopback, over the repositories of one folder. */

export interface LoopbackGit {
  readonly port: number;
  /** `host:port`. */
  readonly host: string;
  /** What was asked, newest last: method, path with query, and version header. */
  readonly asked: readonly string[];
  /** Protocol versions above this one are not spoken, as by an old server. */
  highestVersion: 0 | 1 | 2;
  /** `Authorization` that every request needs, when set. */
  authorization: string | undefined;
  stop(): Promise<void>;
}

const backend = () => join(execFileSync('git', ['--exec-path']).toString().trim(), 'git-http-backend');

/** CGI: a head of header lines, one of which may be the status, then the body. */
function relay(output: Buffer, response: ServerResponse): void {
  const end = output.indexOf('\r\n\r\n');
  for (const line of output.toString('latin1', 0, end).split('\r\n')) {
    const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(line) ?? [];
    if (name.toLowerCase() === 'status') response.statusCode = Number(value.split(' ')[0]);
    else response.setHeader(name, value);
  }
  response.end(output.subarray(end + 4));
}

function answer(root: string, version: string | undefined, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://loopback');
  const child = spawn(backend(), {
    env: {
      ...{ PATH: process.env.PATH, ...GIT_ENVIRONMENT },
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method,
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      ...(request.headers['content-encoding'] ? { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] } : {}),
      ...(version ? { GIT_PROTOCOL: version, HTTP_GIT_PROTOCOL: version } : {}),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const output: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => output.push(piece));
  child.on('close', () => relay(Buffer.concat(output), response));
  child.stdin.on('error', () => {});
  request.pipe(child.stdin);
}

/** Serves `<root>/<path>` as `http://<host>/<path>`. */
export async function startGit(root: string): Promise<LoopbackGit> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const header = request.headers['git-protocol'];
    const version = typeof header === 'string' ? header : undefined;
    asked.push(`${request.method} ${request.url} ${version ?? '-'}`);
    if (git.authorization !== undefined && request.headers.authorization !== git.authorization)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    else {
      const spoken = Number(/^version=(\d)$/.exec(version ?? '')?.[1] ?? 0);
      answer(root, spoken <= git.highestVersion ? version : `version=${git.highestVersion}`, request, response);
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const git: LoopbackGit = {
    port,
    host: `127.0.0.1:${port}`,
    asked,
    highestVersion: 2,
    authorization: undefined,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return git;
}
