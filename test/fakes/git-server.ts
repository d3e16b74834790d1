import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { GitSha } from '../../events/fields.ts';
import { inBands, packet } from './git-packs.ts';

/** A git server on loopback that says whatever a test wants it to; every part can be a lie. */

export interface ListedRef {
  readonly name: string;
  readonly id: GitSha;
  readonly peeled?: GitSha;
}

export interface FakeGitServer {
  readonly host: string;
  readonly url: URL;
  /** `POST /m.git/git-upload-pack` and the like, newest last. */
  readonly asked: string[];
  /** Bodies of POST requests, newest last. */
  readonly bodies: string[];
  refs: readonly ListedRef[];
  /** The answer to a fetch, from its section `packfile` on. */
  pack: Buffer;
  /** Answers in place of the server when it returns true. */
  intercept: (request: IncomingMessage, response: ServerResponse, body: string) => boolean;
  stop(): Promise<void>;
}

const CAPABILITIES = ['version 2', 'agent=git/2.50', 'ls-refs=unborn', 'fetch=shallow filter', 'object-format=sha1'];
const lines = (texts: readonly string[]) => Buffer.concat(texts.map((text) => packet(`${text}\n`)));
const FLUSH = Buffer.from('0000');

export const advertisement = (capabilities: readonly string[] = CAPABILITIES): Buffer =>
  Buffer.concat([lines(['# service=git-upload-pack']), FLUSH, lines(capabilities), FLUSH]);

export const packAnswer = (pack: Uint8Array): Buffer => Buffer.concat([lines(['packfile']), inBands(pack)]);

const bodyOf = async (request: IncomingMessage): Promise<string> => {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces).toString();
};

export async function startFakeGit(): Promise<FakeGitServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const body = await bodyOf(request);
    fake.asked.push(`${request.method} ${request.url}`);
    if (request.method === 'POST') fake.bodies.push(body);
    if (fake.intercept(request, response, body)) return;
    const isPost = request.method === 'POST';
    response.setHeader('content-type', `application/x-git-upload-pack-${isPost ? 'result' : 'advertisement'}`);
    const listed = fake.refs.map(({ id, name, peeled }) => `${id} ${name}${peeled ? ` peeled:${peeled}` : ''}`);
    if (!isPost) response.end(advertisement());
    else response.end(body.includes('command=ls-refs') ? Buffer.concat([lines(listed), FLUSH]) : fake.pack);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const host = `127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  const fake: FakeGitServer = {
    host,
    url: new URL(`http://${host}/m.git`),
    asked: [],
    bodies: [],
    refs: [],
    pack: packAnswer(Buffer.alloc(0)),
    intercept: () => false,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return fake;
}
