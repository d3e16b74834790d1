import { createServer, type ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackServers } from '../../test/fakes/loopback-servers.ts';
import { openEgress } from './egress.ts';
import { openModuleTrust } from './module-trust.ts';

const answers = new Map<string, (response: ServerResponse) => void>();
const asked: string[] = [];
const loopback = loopbackServers();
let host: string;
beforeAll(async () => {
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = answers.get(path) ?? ((it: ServerResponse) => it.writeHead(404).end());
    answer(response);
  });
  host = await loopback.listen(server);
});
afterAll(loopback.stop);

const PATH = '/sig/example.com/!mixed/@v/v1.0.0+incompatible.sig?of=a';
const trust = () => openModuleTrust({ egress: openEgress([{ host, private: true }]), sleep: async () => undefined });
const signature = () => trust().signature(new URL(`http://${host}${PATH}`));
const answering = (answer: (response: ServerResponse) => void) => {
  answers.set(PATH, answer);
  asked.length = 0;
};

describe('the signatures of publishers', () => {
  it.each([0, 1, 65_536])('are read as they lie there, %i bytes', async (size) => {
    answering((response) => response.end(Buffer.alloc(size, 1)));
    expect(await signature()).toEqual(new Uint8Array(size).fill(1));
    expect(asked).toEqual([PATH]);
  });

  it.each([404, 410])('are absent at %i', async (status) => {
    answering((response) => response.writeHead(status).end('no'));
    expect(await signature()).toBeUndefined();
  });

  it.each([
    ['403, at once', (response: ServerResponse) => void response.writeHead(403).end(), 1],
    ['401, at once', (response: ServerResponse) => void response.writeHead(401).end(), 1],
    ['204, at once', (response: ServerResponse) => void response.writeHead(204).end(), 1],
    ['503, after four attempts', (response: ServerResponse) => void response.writeHead(503).end(), 4],
    ['a connection that breaks', (response: ServerResponse) => void response.destroy(), 4],
    [
      'a body that ends early',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-length': '100' }).write('x', () => response.destroy());
      },
      4,
    ],
  ])('are unreachable at %s', async (_what, answer, attempts) => {
    answering(answer);
    await expect(signature()).rejects.toMatchObject({ name: 'SourceUnreachable' });
    expect(asked).toHaveLength(attempts);
  });

  it('are no longer than 64 KiB, announced or not', async () => {
    answering((response) => response.end(Buffer.alloc(65_537)));
    await expect(signature()).rejects.toMatchObject({ name: 'LimitExceeded' });
    answering((response) => {
      response.write(Buffer.alloc(65_536));
      response.end('x');
    });
    await expect(signature()).rejects.toMatchObject({ name: 'LimitExceeded' });
  });

  it('are asked of listed hosts only, wherever these lead', async () => {
    const other = new URL('https://other.example.com/a');
    await expect(trust().signature(other)).rejects.toMatchObject({ name: 'EgressRefused' });
    answering((response) => response.writeHead(302, { location: other.href }).end());
    await expect(signature()).rejects.toMatchObject({ name: 'EgressRefused' });
  });
});
