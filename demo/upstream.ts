import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';

/** `serving` answers, `holding` accepts and never answers, `down` answers 503. */
export type UpstreamMode = 'serving' | 'holding' | 'down';

/** A module proxy on loopback that serves a folder and fails on command. */
export interface Upstream {
  readonly url: string;
  /** Applies to requests whose path contains `match`; all others are served. */
  setMode(mode: UpstreamMode, match?: string): void;
  /** Requests held right now. */
  held(): number;
  close(): Promise<void>;
}

export async function startUpstream(folder: string): Promise<Upstream> {
  let mode: UpstreamMode = 'serving';
  let match = '';
  let holding = 0;
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://upstream').pathname);
    if (mode !== 'serving' && path.includes(match)) {
      if (mode === 'down') response.writeHead(503).end('the proxy is down for the demo\n');
      else {
        holding += 1;
        request.socket.once('close', () => {
          holding -= 1;
        });
      }
      return;
    }
    const file = join(folder, normalize(path));
    stat(file).then(
      (found) => {
        if (!found.isFile()) return void response.writeHead(404).end();
        response.writeHead(200, { 'content-length': found.size });
        createReadStream(file).pipe(response);
      },
      () => void response.writeHead(404).end('not found\n'),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    setMode: (next, only = '') => {
      mode = next;
      match = only;
    },
    held: () => holding,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
