import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inboxBus } from '../adapters/embedded/inbox-bus.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { Fault } from '../core/faults.ts';
import { MOST_REDRIVEN } from '../core/ports/dead-letters.ts';
import { publishedMessage } from '../test/contracts/event-bus.contract.ts';
import { deskWorld } from '../test/fakes/desk-world.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { controlApp, newControlToken, writeServerFile } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { deadLettersListCommand, deadLettersRedriveCommand } from './dead-letters-command.ts';
import { openStores } from './stores.ts';

let root: string;
let made = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-letters-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** A data folder with two events that nobody could take. */
async function folderWithLetters() {
  made += 1;
  const folder = join(root, `data-${made}`);
  await smallDataFolder(folder, []);
  const stores = openStores(dataFolder(folder));
  const bus = inboxBus(stores.database, systemClock);
  const message = await publishedMessage();
  await bus.publish([message, message]);
  await bus.dispatch({
    take: async () => {
      throw new Fault('InputInvalid', 'a text that is not shown');
    },
    dead: async () => undefined,
  });
  stores.close();
  return { folder, event: message.event.id };
}

const list = (folder: string, ...args: string[]) => runCommand(deadLettersListCommand, ['--data', folder, ...args]);
const redrive = (folder: string, ...args: string[]) =>
  runCommand(deadLettersRedriveCommand, ['--data', folder, ...args]);

/** An application on loopback. */
async function listen(app: Hono) {
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  const url = await new Promise<string>((resolve) => {
    server.once('listening', () => {
      const address = server.address();
      resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    });
  });
  return { server, url };
}

/** A server's control interface on loopback, over the folder's own inbox. */
async function serveControl(folder: string) {
  const stores = openStores(dataFolder(folder));
  const token = newControlToken();
  const asked: unknown[] = [];
  const bus = inboxBus(stores.database, systemClock);
  const deadLetters = {
    list: bus.list,
    redrive: (id?: string) => {
      asked.push(id);
      return bus.redrive(id);
    },
  };
  const { server, url } = await listen(new Hono().route('/control', controlApp({ token, deadLetters })));
  await writeServerFile(dataFolder(folder), { url, token });
  return {
    url,
    token,
    asked,
    stop: () => {
      server.close();
      stores.close();
    },
  };
}

describe.each([['without a server'], ['through a server']])('dead letters %s', (way) => {
  it('are listed with the fault and never a body, and are redriven one or all', async () => {
    const { folder, event } = await folderWithLetters();
    const server = way === 'through a server' ? await serveControl(folder) : undefined;
    try {
      const letter = { event, tries: 1, reason: 'InputInvalid' };
      expect((await list(folder, '--json')).json()).toEqual({
        deadLetters: [
          { id: 'event-1', ...letter },
          { id: 'event-2', ...letter },
        ],
      });
      const { code, out } = await list(folder);
      expect([code, out.length]).toEqual([0, 2]);
      expect(out[0]?.split(/\s{2,}/)).toEqual(['event-1', event, 'tries 1', 'InputInvalid']);
      expect(await redrive(folder, 'event-2')).toMatchObject({ code: 0, out: ['1 due again'] });
      const unknown = await redrive(folder, 'event-2', '--json');
      expect([unknown.code, unknown.json()]).toEqual([
        1,
        { kind: 'refused', code: 'dead-letter.unknown', id: 'event-2' },
      ]);
      expect((await redrive(folder, '--json')).json()).toEqual({ redriven: 1 });
      expect(await redrive(folder)).toMatchObject({ code: 0, out: ['0 due again'] });
      expect((await list(folder)).out).toEqual([]);
      if (server) expect(server.asked).toEqual(['event-2', 'event-2', undefined, undefined]);
    } finally {
      server?.stop();
    }
  });
});

/** A deployment whose desk answers, or what a test puts in its place. */
async function deployed(answer: (name: string, body: unknown) => Promise<object>) {
  const asked: [string, unknown][] = [];
  const app = new Hono().post('/control/:name', async (context) => {
    const body: unknown = await context.req.json();
    asked.push([context.req.param('name'), body]);
    return context.json(await answer(context.req.param('name'), body));
  });
  const { server, url } = await listen(app);
  const environment = {
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID: 'AKIDTEST',
    AWS_SECRET_ACCESS_KEY: 'a test secret',
  };
  return {
    asked,
    stop: () => server.close(),
    list: (...args: string[]) => runCommand(deadLettersListCommand, [...args, '--server', url], { environment }),
    redrive: (...args: string[]) => runCommand(deadLettersRedriveCommand, [...args, '--server', url], { environment }),
  };
}

describe('dead letters of a deployment', () => {
  it('are listed and redriven as those of a data folder', async () => {
    const { ask, world } = await deskWorld();
    const { asked, stop, ...command } = await deployed(async (name, body) => Object(await ask(name, body)).body);
    const status = { id: 'status-2', run: world.run.name, tries: 5 };
    try {
      expect((await command.list('--json')).json()).toEqual({
        deadLetters: [{ id: 'event-1', event: 'event of the test', tries: 5, reason: 'StoreUnavailable' }, status],
      });
      expect((await command.list()).out.map((line) => line.split(/\s{2,}/))).toEqual([
        ['event-1', 'event of the test', 'tries 5', 'StoreUnavailable'],
        ['status-2', world.run.name, 'tries 5', 'why is in the log of its function'],
      ]);
      expect(await command.redrive('event-1')).toMatchObject({ code: 0, out: ['1 due again'] });
      const unknown = await command.redrive('event-1');
      expect([unknown.code, unknown.out[0]]).toEqual([1, expect.stringContaining('is looking at it')]);
      expect((await command.redrive('event-1', '--json')).json()).toMatchObject({ code: 'dead-letter.unknown' });
      expect((await command.redrive('--json')).json()).toEqual({ redriven: 1 });
      expect(asked).toEqual([
        ['dead-letters', { limit: 1000 }],
        ['dead-letters', { limit: 1000 }],
        ['redrive', { id: 'event-1' }],
        ['redrive', { id: 'event-1' }],
        ['redrive', { id: 'event-1' }],
        ['redrive', {}],
      ]);
    } finally {
      stop();
    }
  });

  it('are asked for again as long as there may be more of them, and not for ever', async () => {
    const answers = [MOST_REDRIVEN, MOST_REDRIVEN, 7];
    const { asked, stop, redrive } = await deployed(async () => ({
      kind: 'redriven',
      redriven: answers.shift() ?? MOST_REDRIVEN,
    }));
    try {
      expect((await redrive()).out).toEqual([`${2 * MOST_REDRIVEN + 7} due again`]);
      expect(asked).toHaveLength(3);
      expect((await redrive()).out).toEqual([`${100 * MOST_REDRIVEN} due again`]);
      expect(asked).toHaveLength(103);
    } finally {
      stop();
    }
  });

  it('are not told from an answer that is none', async () => {
    const { stop, list, redrive } = await deployed(async () => ({
      kind: 'listed',
      deadLetters: [{ body: 'a secret' }],
    }));
    try {
      await expect(list()).rejects.toMatchObject({ name: 'ZodError' });
      await expect(redrive()).rejects.toMatchObject({ name: 'ZodError' });
    } finally {
      stop();
    }
  });
});

describe('wrong use of dead letters', () => {
  it('is told as such', async () => {
    await expect(list(root, 'all')).rejects.toMatchObject({ name: 'UsageError' });
    await expect(redrive(root, 'event-1', 'event-2')).rejects.toMatchObject({ name: 'UsageError' });
  });

  it('finds nothing at the server without its token, and no half request is taken', async () => {
    const { folder } = await folderWithLetters();
    const server = await serveControl(folder);
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`${server.url}/control${path}`, { ...init, headers: { authorization: `Bearer ${server.token}` } });
    try {
      expect((await fetch(`${server.url}/control/dead-letters?limit=9`)).status).toBe(404);
      for (const query of ['', '?limit=0', '?limit=1001', '?limit=x'])
        expect([query, (await ask(`/dead-letters${query}`)).status]).toEqual([query, 400]);
      for (const body of ['', '{', '{"id":""}', '{"id":1}', '{"all":true}'])
        expect([body, (await ask('/dead-letters', { method: 'POST', body })).status]).toEqual([body, 400]);
      expect(server.asked).toEqual([]);
    } finally {
      server.stop();
    }
  });
});
