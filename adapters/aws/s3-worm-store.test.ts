import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { s3WormStore } from './s3-worm-store.ts';

const DAY_MS = 86_400_000;

interface Kept {
  readonly bytes: Buffer;
  /** As S3 tells it with the object. */
  until?: string | undefined;
  /** As a service tells it that does not tell it with the object. */
  readonly hidden?: string;
}

/** Objects by their path, and what was asked to lock them longer. */
const world = {
  objects: new Map<string, Kept>(),
  extended: [] as string[],
  now: Date.parse('2026-01-01T00:00:00.000Z'),
};

/** As much of S3 as a store of locked objects asks for, on loopback. */
const service: Server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const [body, kept] = [await buffer(request), world.objects.get(url.pathname)];
  if (request.method === 'PUT' && url.searchParams.has('retention')) {
    const until = /<RetainUntilDate>([^<]+)</.exec(body.toString())?.[1];
    if (kept) kept.until = until;
    world.extended.push(`${url.pathname} ${until}`);
    response.end();
  } else if (url.searchParams.has('retention')) {
    const until = kept?.hidden;
    if (until)
      response.end(`<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`);
    else response.writeHead(404).end('<Error><Code>NoSuchObjectLockConfiguration</Code></Error>');
  } else if (request.method === 'PUT' && kept) response.writeHead(412).end();
  else if (request.method === 'PUT') {
    const until = request.headers['x-amz-object-lock-retain-until-date'];
    world.objects.set(url.pathname, { bytes: body, until: typeof until === 'string' ? until : undefined });
    response.end();
  } else if (kept)
    response
      .writeHead(200, kept.until === undefined ? {} : { 'x-amz-object-lock-retain-until-date': kept.until })
      .end(kept.bytes);
  else response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>');
});

let client: S3Client;
beforeAll(async () => {
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const address = service.address();
  client = new S3Client({
    ...{ endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`, region: 'us-east-1' },
    ...{ credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, forcePathStyle: true, maxAttempts: 1 },
  });
});
beforeEach(() => {
  world.objects.clear();
  world.extended = [];
  world.now = Date.parse('2026-01-01T00:00:00.000Z');
});
afterAll(async () => {
  client.destroy();
  service.closeAllConnections();
  await new Promise((closed) => service.close(closed));
});

const storeOf = (evidence?: number) =>
  s3WormStore({
    ...{ client, bucketName: 'worm', now: () => world.now },
    retention: { mode: 'COMPLIANCE', days: 3653, ...(evidence === undefined ? {} : { classes: { evidence } }) },
  });
const daysLeft = (name: string) => (Date.parse(world.objects.get(`/worm/${name}`)?.until ?? '') - world.now) / DAY_MS;

describe('a locked object', () => {
  it('is locked as long as its kind is kept', async () => {
    const store = storeOf(400);
    for (const name of ['t/acme/evidence/a', 't/acme/signature/a', 't/acme/seg/0-a'])
      await store.put(name, Buffer.from('a'));
    expect(daysLeft('t/acme/evidence/a')).toBe(400);
    expect(daysLeft('t/acme/signature/a')).toBe(3653);
    expect(daysLeft('t/acme/seg/0-a')).toBe(3653);
  });

  it('is locked as long again when something new names it', async () => {
    const store = storeOf(400);
    await store.put('t/acme/evidence/a', Buffer.from('a'));
    world.now += 300 * DAY_MS;
    expect(await store.put('t/acme/evidence/a', Buffer.from('a'))).toBe('existed');
    expect(daysLeft('t/acme/evidence/a')).toBe(400);
    expect(world.extended).toHaveLength(1);
  });

  it('is not locked anew within a day, nor ever for less than it is', async () => {
    await storeOf().put('t/acme/evidence/a', Buffer.from('a'));
    world.now += DAY_MS / 2;
    await storeOf().put('t/acme/evidence/a', Buffer.from('a'));
    await storeOf(400).put('t/acme/evidence/a', Buffer.from('a'));
    expect(world.extended).toEqual([]);
    expect(daysLeft('t/acme/evidence/a')).toBe(3652.5);
  });

  it('is asked how long it is locked where that is not told with it', async () => {
    const hidden = new Date(world.now + 400 * DAY_MS).toISOString();
    world.objects.set('/worm/t/acme/evidence/a', { bytes: Buffer.from('a'), hidden });
    await storeOf(400).put('t/acme/evidence/a', Buffer.from('a'));
    expect(world.extended).toEqual([]);
  });

  it('is locked anew when it is not locked at all', async () => {
    world.objects.set('/worm/t/acme/evidence/a', { bytes: Buffer.from('a') });
    await storeOf(400).put('t/acme/evidence/a', Buffer.from('a'));
    expect(daysLeft('t/acme/evidence/a')).toBe(400);
  });

  it('is not locked longer by who would put other bytes there', async () => {
    await storeOf(400).put('t/acme/evidence/a', Buffer.from('a'));
    world.now += 300 * DAY_MS;
    await expect(storeOf(400).put('t/acme/evidence/a', Buffer.from('b'))).rejects.toMatchObject({
      name: 'WormConflict',
    });
    expect(world.extended).toEqual([]);
  });
});
