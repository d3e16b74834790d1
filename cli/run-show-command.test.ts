import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { afterEach, expect, it } from 'vitest';
import type { ShownRun } from '../core/desk/show-run.ts';
import { deskWorld, HISTORY } from '../test/fakes/desk-world.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { runsShowCommand } from './run-show-command.ts';

const environment = {
  AWS_REGION: 'eu-central-1',
  AWS_ACCESS_KEY_ID: 'AKIDTEST',
  AWS_SECRET_ACCESS_KEY: 'a test secret',
};
const servers: ReturnType<typeof serve>[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A promotion as a deployment shows it, changed as the test says. */
async function shownBy(change: (shown: ShownRun) => unknown, ...args: string[]) {
  const { ask, world } = await deskWorld();
  const run = world.run.name;
  const app = new Hono().post('/control/run', async (context) => {
    const answer = await ask('run', await context.req.json());
    const { shown } = Object(answer).body;
    return context.json({ kind: 'shown', shown: change(shown) });
  });
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  return runCommand(runsShowCommand, [run, ...args, '--server', url], { environment });
}
const lineOf = (out: readonly string[], word: string) => out.filter((line) => line.startsWith(word));

it('shows on which code a run of a deployment went, and through which states', async () => {
  const { out } = await shownBy((shown) => shown);
  expect(lineOf(out, 'code')).toEqual([`code      version 3 (live), machine ${'d'.repeat(64)}`]);
  expect(lineOf(out, 'function')).toEqual(['function  claim-promotion:7']);
  expect(lineOf(out, '   ')).toEqual([
    '          2026-01-02T03:04:05.000Z  2026-01-02T03:04:05.010Z  Start',
    `          2026-01-02T03:04:05.010Z  ${' '.repeat(24)}  Claim the promotion  failed  tried again 2 times  StoreUnavailable`,
  ]);
  const { engine } = Object((await shownBy((shown) => shown, '--json')).json());
  expect(engine).toMatchObject(HISTORY);
});

it('prints no control characters that others wrote', async () => {
  const bell = '\u001b]0;a title\u0007';
  const { out } = await shownBy(({ engine, ...shown }) => ({
    ...shown,
    engine: { ...engine, states: [{ state: 'A', enteredAt: 'x', outcome: 'failed', retries: 0, error: `E${bell}` }] },
  }));
  expect(out.join('\n')).not.toMatch(/[\u0007\u001b]/);
});

it('says that a run is not known yet, or that its history is gone', async () => {
  const { out: unknown } = await shownBy(({ engine: _engine, ...shown }) => shown);
  expect(lineOf(unknown, 'engine')).toEqual(['engine    knows nothing of this run yet']);
  const ended = { status: 'failed', error: 'Run.Stopped' };
  const { out: forgotten } = await shownBy(({ engine: _engine, ...shown }) => ({
    ...shown,
    claim: { ...shown.claim, ...ended },
    entries: [{ index: 4, kind: 'fault', outcome: 'fault', codes: ['run.failed'] }],
  }));
  expect(lineOf(forgotten, 'engine')[0]).toContain('90 days after an end: what follows is what the ledger holds');
  expect(lineOf(forgotten, 'entry')).toHaveLength(1);
  const replayed = await shownBy(({ engine: _engine, ...shown }) => ({
    ...shown,
    claim: { ...shown.claim, runName: 'promotion-of-later' },
  }));
  expect(lineOf(replayed.out, 'engine')[0]).toContain('has forgotten it');
});
