import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { afterAll, describe, expect, it } from 'vitest';
import { openEgress } from './egress.ts';

const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

/** A server on loopback and what it was asked. */
async function listen(answer: RequestListener): Promise<{ host: string; port: number; asked: IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    asked.push(request);
    answer(request, response);
  });
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { host: `127.0.0.1:${port}`, port, asked };
}

const open = (...hosts: string[]) => openEgress(hosts.map((host) => ({ host, private: true })));
const LIMITS = { maxBytes: 1000, timeoutMs: 2000 };
const refused = expect.objectContaining({ name: 'EgressRefused' });

describe('the way out', () => {
  it('leads to a listed host and to no other, whatever its port, name or scheme looks like', async () => {
    const { host, port, asked } = await listen((_request, response) => response.end('here'));
    const egress = open(host);
    const response = await egress.request({ url: new URL(`http://${host}/a`), ...LIMITS });
    expect(Buffer.from(await response.bytes()).toString()).toBe('here');
    for (const url of [
      `http://127.0.0.2:${port}/`,
      `http://localhost:${port}/`,
      `http://127.0.0.1:${port + 1}/`,
      `http://me:secret@${host}/`,
      `http://${host.replace(':', '.example.com:')}/`,
      `ftp://${host}/`,
    ])
      await expect(egress.request({ url: new URL(url), ...LIMITS }), url).rejects.toThrow(refused);
    expect(asked).toHaveLength(1);
  });

  it('leads to no private address unless the host is listed as private, by name or by number', async () => {
    const { host, port, asked } = await listen((_request, response) => response.end());
    const byNumber = openEgress([{ host, private: false }]);
    await expect(byNumber.request({ url: new URL(`https://${host}/`), ...LIMITS })).rejects.toThrow(refused);
    const name = `public.example.com:${port}`;
    for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::ffff:127.0.0.1', 'fd00::1', '100.64.0.1']) {
      const family = address.includes(':') ? 6 : 4;
      const byName = openEgress([{ host: name, private: false }], async () => [{ address, family }]);
      await expect(byName.request({ url: new URL(`https://${name}/`), ...LIMITS }), address).rejects.toThrow(refused);
    }
    expect(asked).toEqual([]);
  });

  it('connects to the address that was checked and asks for the name once', async () => {
    const { port } = await listen((_request, response) => response.end());
    const answers = ['127.0.0.1', '10.0.0.1'];
    const resolve = async () => [{ address: answers.shift() ?? '', family: 4 }];
    const name = `mirror.example.com:${port}`;
    const egress = openEgress([{ host: name, private: true }], resolve);
    const response = await egress.request({ url: new URL(`http://${name}/`), ...LIMITS });
    response.discard();
    expect([response.status, answers]).toEqual([200, ['10.0.0.1']]);
  });

  it('speaks plain http to loopback only', async () => {
    const egress = openEgress([{ host: 'mirror.example.com', private: true }], async () => [
      { address: '10.0.0.1', family: 4 },
    ]);
    await expect(egress.request({ url: new URL('http://mirror.example.com/'), ...LIMITS })).rejects.toThrow(refused);
  });

  it('follows a redirect to a listed host without its credentials, and none to another', async () => {
    const other = await listen((_request, response) => response.end());
    const first = await listen((request, response) =>
      response
        .writeHead(302, { location: request.url === '/away' ? 'http://127.0.0.9/' : `http://${other.host}/` })
        .end(),
    );
    const headers = { authorization: 'Basic secret', accept: 'x/y' };
    const egress = open(first.host, other.host);
    const response = await egress.request({ url: new URL(`http://${first.host}/`), headers, ...LIMITS });
    response.discard();
    expect(first.asked[0]?.headers.authorization).toBe('Basic secret');
    expect(other.asked[0]?.headers).toMatchObject({ accept: 'x/y' });
    expect(other.asked[0]?.headers.authorization).toBeUndefined();
    await expect(egress.request({ url: new URL(`http://${first.host}/away`), headers, ...LIMITS })).rejects.toThrow(
      refused,
    );
  });

  it('ends a redirect that never ends', async () => {
    const { host, asked } = await listen((_request, response) => response.writeHead(302, { location: '/again' }).end());
    const response = await open(host).request({ url: new URL(`http://${host}/`), maxRedirects: 3, ...LIMITS });
    response.discard();
    expect([response.status, asked.length]).toEqual([302, 4]);
  });

  it('reads no more than it was allowed to, announced or not', async () => {
    const body = Buffer.alloc(1001);
    const { host } = await listen((request, response) => {
      if (request.url === '/announced') response.setHeader('content-length', body.length);
      response.end(body);
    });
    const tooLong = expect.objectContaining({ name: 'LimitExceeded' });
    const ask = async (path: string, maxBytes: number) => {
      const response = await open(host).request({ url: new URL(`http://${host}${path}`), ...LIMITS, maxBytes });
      return (await response.bytes()).length;
    };
    await expect(ask('/announced', 1000)).rejects.toThrow(tooLong);
    await expect(ask('/', 1000)).rejects.toThrow(tooLong);
    expect(await ask('/', 1001)).toBe(1001);
  });

  it('gives up a server that is silent, one that stops half-way and one that is not there', async () => {
    const { host } = await listen((request, response) => {
      if (request.url === '/silent') return;
      response.writeHead(200, { 'content-length': '10' });
      response.write('half');
      if (request.url === '/cut') setTimeout(() => response.destroy(), 20);
    });
    const ask = async (path: string, at = host) => {
      const url = new URL(`http://${at}${path}`);
      const response = await open(at).request({ url, maxBytes: 100, timeoutMs: 200 });
      return response.bytes();
    };
    await expect(ask('/silent')).rejects.toMatchObject({ name: 'NetworkFailure', kind: 'timeout' });
    await expect(ask('/stalls')).rejects.toMatchObject({ name: 'NetworkFailure', kind: 'timeout' });
    await expect(ask('/cut')).rejects.toMatchObject({ name: 'NetworkFailure', kind: 'unreachable' });
    await expect(ask('/', '127.0.0.1:1')).rejects.toMatchObject({ name: 'NetworkFailure', kind: 'unreachable' });
  });
});
