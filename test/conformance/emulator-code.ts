import { createHmac, randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import type { SignedDelivery } from '../../demo/deliveries.ts';
import { type DemoInputs, SAMPLE } from '../../demo/inputs.ts';
import { startGit } from './loopback-git.ts';

/** The sample on a host that shows its repository by git and is told what was decided, as Gitea is. */
export const CODE = { host: 'code.example.com', repository: SAMPLE.repository, change: '7' } as const;

const Status = z.strictObject({ state: z.string(), context: z.string(), description: z.string() });

export interface LoopbackCode {
  /** Of the repository, as `git clone` takes it. */
  readonly url: string;
  /** Of the API that is told. */
  readonly api: string;
  /** What it was told, newest last: the commit, and each word of it. */
  readonly told: readonly (readonly [commit: string, state: string, context: string, description: string])[];
  stop(): Promise<void>;
}

/** Starts it over a copy of the sample, in which the commit of a good tag is proposed as a change. */
export async function startCode({ repository, root, commits }: DemoInputs, token: string): Promise<LoopbackCode> {
  const change = join(repository, 'refs', 'pull', CODE.change);
  mkdirSync(change, { recursive: true });
  writeFileSync(join(change, 'head'), `${commits[SAMPLE.tags.killed]}\n`);
  const git = await startGit(root);
  const told: LoopbackCode['told'][number][] = [];
  const server = createServer(async (request, response) => {
    const [, commit] = new RegExp(`^/repos/${CODE.repository}/statuses/([0-9a-f]{40})$`).exec(request.url ?? '') ?? [];
    if (commit === undefined || request.headers.authorization !== `token ${token}`) {
      response.writeHead(404).end();
      return;
    }
    const { state, context, description } = Status.parse(JSON.parse(await text(request)));
    told.push([commit, state, context, description]);
    response.writeHead(201).end('{}');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return {
    url: `http://${git.host}/sample.git`,
    api: `http://127.0.0.1:${port}`,
    told,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      await git.stop();
    },
  };
}

/** A pull request as Gitea announces it. */
export function giteaChange(commit: string, secret: string): SignedDelivery {
  const id = randomUUID();
  const body = JSON.stringify({
    action: 'opened',
    number: Number(CODE.change),
    pull_request: { base: { ref: 'main' }, head: { sha: commit } },
    repository: { id: 1, full_name: CODE.repository, clone_url: `https://${CODE.host}/${CODE.repository}.git` },
    sender: { login: 'demo-releaser' },
  });
  return {
    path: `/hooks/gitea/${CODE.host}`,
    id,
    body,
    headers: {
      'content-type': 'application/json',
      'x-gitea-event': 'pull_request',
      'x-gitea-event-type': 'pull_request',
      'x-gitea-delivery': id,
      'x-gitea-signature': createHmac('sha256', secret).update(body).digest('hex'),
    },
  };
}
