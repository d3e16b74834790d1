import { createServer, type IncomingMessage, type RequestListener, request } from 'node:http';
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RolloutState } from '../../core/ports/rollout-target.ts';
import { OciDigest } from '../../events/fields.ts';
import { localRolloutTarget } from './local-rollout-target.ts';
import { type RolloutProxyOptions, startRolloutProxy } from './rollout-proxy.ts';
import { openSqlite } from './sqlite.ts';

const digestOf = (digit: string) => OciDigest.parse(`sha256:${digit.repeat(64)}`);
const [stable, canary] = [digestOf('a'), digestOf('b')];

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function portOf(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((closed) => server.close(closed));
  });
  const address = server.address();
  return address !== null && typeof address === 'object' ? address.port : 0;
}
const serving = async (listener: RequestListener) => `http://127.0.0.1:${await portOf(createServer(listener))}`;

type Upstreams = { readonly stable?: string | RequestListener; readonly canary?: string | RequestListener };

/** A proxy in front of servers of its own; `state` is what it runs. */
async function proxyOf(
  upstreams: Upstreams,
  state: RolloutState = { stable, weight: 0 },
  more: Partial<RolloutProxyOptions> = {},
) {
  const named = [
    { digest: stable, upstream: upstreams.stable ?? 'http://127.0.0.1:9' },
    { digest: canary, upstream: upstreams.canary ?? 'http://127.0.0.1:9' },
  ];
  const revisions = await Promise.all(
    named.map(async ({ digest, upstream }) => ({
      digest,
      url: typeof upstream === 'string' ? upstream : await serving(upstream),
    })),
  );
  const target = localRolloutTarget({ database: openSqlite(':memory:'), name: 'a "target"', revisions });
  const set = async (next: RolloutState) => target.set(next, (await target.read()).version);
  await set(state);
  const proxy = await startRolloutProxy({ target, listen: { host: '127.0.0.1', port: 0 }, ...more });
  closing.push(proxy.close);
  return { ...proxy, set };
}

const says =
  (text: string): RequestListener =>
  (_incoming, response) => {
    response.end(text);
  };
const counted = (metrics: string, revision: string, code: number) =>
  Number(new RegExp(`revision="${revision}",code="${code}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);

async function textOf(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message) text += chunk;
  return text;
}

/** A request as written, with everything that `fetch` would not send. */
const ask = (url: string, options: Parameters<typeof request>[1] = {}, body?: string) =>
  new Promise<{ status: number; message: IncomingMessage; text: string }>((resolve, reject) => {
    const sent = request(url, options, (message) =>
      textOf(message).then((text) => resolve({ status: message.statusCode ?? 0, message, text }), reject),
    );
    sent.on('error', reject);
    sent.end(body);
  });

/** What comes back on a connection of its own until it is closed. */
const raw = (url: string, bytes: string) =>
  new Promise<string>((resolve, reject) => {
    let received = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
  });

describe('the rollout proxy', () => {
  it('splits real requests by the weight and counts them by revision', async () => {
    const proxy = await proxyOf({ stable: says('old'), canary: says('new') }, { stable, canary, weight: 10 });
    const answers: string[] = [];
    for (let round = 0; round < 10; round += 1)
      answers.push(...(await Promise.all(Array.from({ length: 20 }, async () => (await ask(proxy.url)).text))));
    expect(answers.filter((text) => text === 'new')).toHaveLength(20);
    expect(answers.filter((text) => text === 'old')).toHaveLength(180);
    await expect.poll(() => counted(proxy.metrics(), canary, 200)).toBe(20);
    await expect.poll(() => counted(proxy.metrics(), stable, 200)).toBe(180);
    await proxy.set({ stable, canary, weight: 100 });
    expect((await ask(proxy.url)).text).toBe('new');
    await proxy.set({ stable, weight: 0 });
    expect((await ask(proxy.url)).text).toBe('old');
  });

  it('lets a request under way end where it began', async () => {
    let finish = () => {};
    const begun = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let arrived = () => {};
    const arrival = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const slow: RequestListener = async (_incoming, response) => {
      response.write('old ');
      arrived();
      await begun;
      response.end('to the end');
    };
    const proxy = await proxyOf({ stable: slow, canary: says('new') });
    const answer = ask(proxy.url);
    await arrival;
    await proxy.set({ stable: canary, weight: 0 });
    expect((await ask(proxy.url)).text).toBe('new');
    finish();
    expect((await answer).text).toBe('old to the end');
  });

  it('streams both ways: heads and pieces of bodies go on as they come', async () => {
    const echo: RequestListener = (incoming, response) => {
      response.flushHeaders();
      incoming.pipe(response);
    };
    const proxy = await proxyOf({ stable: echo });
    const sent = request(proxy.url, { method: 'POST', headers: { 'transfer-encoding': 'chunked' } });
    const head = new Promise<IncomingMessage>((resolve) => sent.once('response', resolve));
    sent.flushHeaders();
    const pieces = (await head)[Symbol.asyncIterator]();
    sent.write('first');
    expect(String((await pieces.next()).value)).toBe('first');
    sent.end('second');
    expect(String((await pieces.next()).value)).toBe('second');
    expect((await pieces.next()).done).toBe(true);
  });

  it.each(['POST', 'DELETE', 'GET'])('passes the body of a %s on, whole and with its framing', async (method) => {
    const echo: RequestListener = (incoming, response) => {
      response.setHeader('seen', JSON.stringify([incoming.method, incoming.url, incoming.headers['content-length']]));
      incoming.pipe(response);
    };
    const proxy = await proxyOf({ stable: `${await serving(echo)}/base/` });
    const body = 'x'.repeat(300_000);
    const known = await ask(`${proxy.url}/a?b=%2F`, { method, headers: { 'content-length': body.length } }, body);
    expect(known.text).toBe(body);
    expect(known.message.headers.seen).toBe(JSON.stringify([method, '/base/a?b=%2F', String(body.length)]));
    const chunked = await ask(proxy.url, { method, headers: { 'transfer-encoding': 'chunked' } }, body);
    expect(chunked.text).toBe(body);
    const named = { connection: 'close, content-length', 'content-length': body.length };
    expect((await ask(proxy.url, { method, headers: named }, body)).text).toBe(body);
  });

  it('keeps headers about the connection to itself and says for whom it asks', async () => {
    let seen: NodeJS.Dict<string[]> = {};
    const proxy = await proxyOf({
      stable: (incoming, response) => {
        seen = incoming.headersDistinct;
        const own = ['Connection', 'x-inner', 'X-Inner', '1', 'Keep-Alive', 'timeout=9', 'Proxy-Authenticate', 'Basic'];
        response.writeHead(200, [...own, 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', 'X-Outer', '2']);
        response.end();
      },
    });
    const headers = {
      connection: 'close, X-Hop',
      'x-hop': '1',
      te: 'trailers',
      'proxy-authorization': 'Basic test',
      upgrade: 'h2c',
      'x-kept': ['1', '2'],
      host: 'shop.test',
      'x-forwarded-for': '192.0.2.1',
      via: '1.0 edge',
    };
    const { message } = await ask(proxy.url, { headers });
    for (const name of ['x-hop', 'te', 'proxy-authorization', 'upgrade']) expect(seen).not.toHaveProperty(name);
    expect(seen).toMatchObject({
      'x-kept': ['1', '2'],
      host: ['shop.test'],
      'x-forwarded-for': ['192.0.2.1, 127.0.0.1'],
      via: ['1.0 edge, 1.1 relseal'],
    });
    for (const name of ['x-inner', 'proxy-authenticate']) expect(message.headers).not.toHaveProperty(name);
    expect(message.headers['keep-alive']).not.toBe('timeout=9');
    expect(message.headersDistinct).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-outer': ['2'] });
  });

  it('answers 503 when no revision runs, and 502 when the revision is down', async () => {
    const idle = await proxyOf({}, { weight: 0 });
    const none = await ask(idle.url);
    expect([none.status, Object(JSON.parse(none.text)).code]).toEqual([503, 'proxy.no-revision']);
    expect(counted(idle.metrics(), 'none', 503)).toBe(1);
    const down = await proxyOf({});
    const lost = await ask(down.url, { method: 'POST' }, 'a body');
    expect([lost.status, Object(JSON.parse(lost.text)).code]).toEqual([502, 'proxy.revision-unreachable']);
    expect(lost.message.headers['content-type']).toBe('application/problem+json');
    expect(counted(down.metrics(), stable, 502)).toBe(1);
  });

  it('answers 502 when the revision hangs up or speaks no HTTP', async () => {
    for (const word of ['', 'SSH-2.0-none\r\n']) {
      const port = await portOf(createTcpServer((socket) => socket.once('data', () => socket.end(word))));
      expect((await ask((await proxyOf({ stable: `http://127.0.0.1:${port}` })).url)).status).toBe(502);
    }
  });

  it('answers 504 when the revision lies still', async () => {
    const proxy = await proxyOf({ stable: () => {} }, undefined, { idleTimeoutMs: 50 });
    const overdue = await ask(proxy.url);
    expect([overdue.status, Object(JSON.parse(overdue.text)).code]).toEqual([504, 'proxy.revision-overdue']);
    expect(counted(proxy.metrics(), stable, 504)).toBe(1);
  });

  it('breaks an answer off that its revision breaks off, and counts it as an error', async () => {
    const proxy = await proxyOf({
      stable: (_incoming, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('half', () => response.destroy());
      },
    });
    await expect(ask(proxy.url)).rejects.toThrow();
    await expect.poll(() => [200, 502].map((code) => counted(proxy.metrics(), stable, code))).toEqual([0, 1]);
  });

  it('counts a client that leaves before the answer as no error, and tells the revision', async () => {
    let gone = () => {};
    const told = new Promise<void>((resolve) => {
      gone = resolve;
    });
    const leaving = new AbortController();
    const proxy = await proxyOf({
      stable: (_incoming, response) => {
        response.on('close', gone);
        leaving.abort();
      },
    });
    await expect(ask(proxy.url, { signal: leaving.signal })).rejects.toThrow();
    await told;
    await proxy.close();
    expect([499, 502].map((code) => counted(proxy.metrics(), stable, code))).toEqual([1, 0]);
  });

  it('asks again on a new connection when the revision has closed a kept one', async () => {
    let requests = 0;
    const port = await portOf(
      createTcpServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => {
          requests += 1;
          // Each connection answers once; the next request on it finds it closed.
          if (socket.bytesWritten > 0) socket.destroy();
          else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        });
      }),
    );
    const proxy = await proxyOf({ stable: `http://127.0.0.1:${port}` });
    for (const method of ['GET', 'GET', 'POST']) expect((await ask(proxy.url, { method })).text).toBe('ok');
    expect(requests).toBe(4);
  });

  it('goes on with a connection whose body nobody took', async () => {
    const proxy = await proxyOf({});
    const body = 'x'.repeat(1_000_000);
    const received = await raw(
      proxy.url,
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
        'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    );
    expect(received.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 502', 'HTTP/1.1 502']);
  });

  it.each([
    ['a WebSocket', 'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n', 501],
    [
      'a transfer coding that it would lose',
      'POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
      501,
    ],
    ['a request without a path', 'OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 400],
    ['a request with two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n', 400],
    ['a request to a whole URL', 'GET http://b/path?q HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 200],
    ['a request of HTTP/1.0', 'GET /path?q HTTP/1.0\r\n\r\n', 200],
  ])('meets %s in its own way', async (_what, bytes, status) => {
    const proxy = await proxyOf({ stable: (incoming, response) => response.end(incoming.url) });
    const received = await raw(proxy.url, bytes);
    expect(received).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    if (status === 200) expect(received).toMatch(/\/path\?q$/);
  });

  it('shows series of every revision from the start, with names quoted as Prometheus asks', async () => {
    const { metrics } = await proxyOf({});
    const series = 'relseal_proxy_requests_total{target="a \\"target\\"",revision=';
    expect(metrics().split('\n').slice(0, 3)).toEqual([
      '# HELP relseal_proxy_requests_total Requests that ended, by the revision they went to.',
      '# TYPE relseal_proxy_requests_total counter',
      `${series}"${stable}",code="200"} 0`,
    ]);
    expect(metrics()).toContain(`${series}"${canary}",code="503"} 0\n`);
  });

  it('does not start where another listens', async () => {
    const { url, target } = await proxyOf({});
    const listen = { host: '127.0.0.1', port: Number(new URL(url).port) };
    const again = { ...target, name: 'a', revisions: [], route: () => undefined };
    await expect(startRolloutProxy({ target: again, listen })).rejects.toMatchObject({ name: 'ConfigurationInvalid' });
  });
});
