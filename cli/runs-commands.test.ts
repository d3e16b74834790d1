import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { workflowEngine } from '../adapters/embedded/workflow-engine/engine.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { sha256Hex } from '../core/evidence.ts';
import { FAULT_NAMES, Fault } from '../core/faults.ts';
import { appendEntries } from '../core/ledger/append.ts';
import { recordRunEnd } from '../core/runs/record-run-end.ts';
import { businessKeyOf, RunInput, SourceSubject } from '../core/runs/run-input.ts';
import { sweepRuns } from '../core/runs/sweep.ts';
import type { TakeUpDeps } from '../core/runs/take-up.ts';
import { TenantId } from '../events/fields.ts';
import { machineOf, taskState } from '../test/fakes/engine-world.ts';
import { runCommand } from '../test/fakes/fake-io.ts';
import { smallDataFolder } from '../test/fakes/small-data-folder.ts';
import { dataFolder } from './data-folder.ts';
import { runsShowCommand } from './run-show-command.ts';
import { replayCommand, runsCommand, runsListCommand } from './runs-commands.ts';
import { openStores, type Stores } from './stores.ts';

const tenant = TenantId.parse('acme');
const subject = SourceSubject.parse({
  kind: 'source',
  host: 'git.example.com',
  repository: 'acme/sample',
  tag: 'v1.0.0',
  commit: 'a'.repeat(40),
  resolution: 'resolved',
  generation: 0,
});
const businessKey = businessKeyOf(tenant, subject);
const input = RunInput.parse({ schema: 'relseal.run/1', tenant, businessKey, subject });
const RUN = 'source-release-1';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'relseal-runs-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** What the run needs, and how often it fetched its source. */
interface Proxy {
  readonly down: boolean;
  fetched: number;
}

/** An engine on a folder whose only run fails in its second state as long as the proxy is down. */
function engineOn(stores: Stores, proxy: Proxy) {
  const states = {
    'Fetch the source': taskState('Fetch', { Next: 'Verify go.sum' }),
    'Verify go.sum': taskState('Verify', { End: true }),
  };
  const handlers = {
    FetchFunction: async () => {
      proxy.fetched += 1;
      return {};
    },
    VerifyFunction: async () => {
      if (proxy.down) throw new Fault('ModuleProxyUnreachable', 'proxy.example.com\u001b[2J answered 503');
      return { outcome: 'passed' };
    },
  };
  const engine = workflowEngine({
    database: stores.database,
    clock: systemClock,
    machines: { 'source-release': machineOf(states) },
    faults: FAULT_NAMES,
    handlers,
    codeVersion: '1.2.3',
    random: () => 0.5,
    onStatus: async ({ name }) => {
      await recordRunEnd(runs, name);
    },
    onFault: () => undefined,
  });
  const runs: TakeUpDeps = {
    ...stores,
    clock: systemClock,
    workflows: engine,
    append: (id, drafts) => appendEntries({ ...stores, clock: systemClock }, id, drafts),
    compensate: async () => undefined,
  };
  return { engine, runs };
}

/** What a server does with a folder from its start to its end; how often the source was fetched meanwhile. */
async function serve(folder: string, down: boolean): Promise<number> {
  const proxy = { down, fetched: 0 };
  const stores = openStores(dataFolder(folder));
  const { engine, runs } = engineOn(stores, proxy);
  engine.resume();
  await sweepRuns(runs, [tenant]);
  await engine.settled();
  await engine.close();
  stores.close();
  return proxy.fetched;
}

let made = 0;

/** A folder whose release run has failed. */
async function failedFolder(): Promise<string> {
  made += 1;
  const folder = join(root, `data-${made}`);
  await smallDataFolder(folder, []);
  await mkdir(join(folder, 'secrets'));
  await writeFile(join(folder, 'secrets', 'pseudonyms'), 'a test key of pseudonyms');
  const stores = openStores(dataFolder(folder));
  const claim = { tenant, businessKey, machine: 'source-release', runName: RUN, replay: 0, redrives: 0, input };
  await stores.claims.claim({ ...claim, status: 'running', claimedAt: '2026-11-01T10:00:00.000Z', eventId: 'e' });
  stores.close();
  expect(await serve(folder, true)).toBe(1);
  return folder;
}

const Shown = z.looseObject({
  claim: z.looseObject({ status: z.string() }),
  entries: z.array(z.object({ index: z.int(), kind: z.string(), codes: z.array(z.string()) })),
  next: z.string(),
});

const list = (folder: string, ...args: string[]) => runCommand(runsListCommand, ['--data', folder, ...args]);
const replay = (folder: string, ...args: string[]) => runCommand(replayCommand, ['--data', folder, ...args]);
const show = (folder: string, ...args: string[]) => runCommand(runsShowCommand, ['--data', folder, ...args]);
const shown = async (folder: string, run = RUN) => Shown.parse((await show(folder, run, '--json')).json());

describe('relseal runs list', () => {
  it('lists by status and machine, as relseal runs does', async () => {
    const folder = await failedFolder();
    const all = await list(folder, '--json');
    expect(all.json()).toMatchObject({
      runs: [{ run: RUN, status: 'failed', error: 'ModuleProxyUnreachable', replay: 0, redrives: 0 }],
    });
    expect((await runCommand(runsCommand, ['--data', folder, '--json'])).out).toEqual(all.out);
    expect((await list(folder, '--status', 'failed', '--machine', 'source-release')).out).toHaveLength(1);
    expect((await list(folder, '--status', 'passed')).out).toEqual([]);
    expect((await list(folder, '--machine', 'image-release')).out).toEqual([]);
  });

  it.each([
    ['a status', ['--status', 'FAILED']],
    ['a machine', ['--machine', 'deployment']],
    ['a limit', ['--limit', '0']],
    ['a word', ['all']],
  ])('refuses %s that it does not know as wrong usage', async (_what, args) => {
    await expect(list(join(root, 'none'), ...args)).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('relseal runs show', () => {
  it('tells where and why a run failed, its states, its entries and what to do', async () => {
    const folder = await failedFolder();
    const text = canonicalJson(input);
    expect(await shown(folder)).toMatchObject({
      run: RUN,
      release: 'git.example.com/acme/sample@v1.0.0',
      claim: { status: 'failed', error: 'ModuleProxyUnreachable', redrives: 0 },
      input: { kind: 'run-input', sha256: sha256Hex(text), size: text.length },
      engine: {
        description: { status: 'FAILED', state: 'Verify go.sum', redriveCount: 0 },
        codeVersion: '1.2.3',
        states: [
          { state: 'Fetch the source', exitedAt: expect.any(String) },
          { state: 'Verify go.sum', enteredAt: expect.any(String) },
        ],
      },
      entries: [{ index: 0, kind: 'fault', codes: ['run.failed'] }],
      next: `repair what failed, then: relseal replay ${RUN}`,
    });
    const { code, out } = await show(folder, RUN);
    expect(code).toBe(0);
    expect(out.join('\n')).toContain('proxy.example.com [2J answered 503');
    expect(out.join('\n')).not.toContain('\u001b');
    expect(out.at(-1)).toContain(`relseal replay ${RUN}`);
  });

  it('refuses a run that there is not, with a code', async () => {
    const folder = await failedFolder();
    const { code, out } = await show(folder, 'nobody');
    expect([code, out[0]]).toEqual([1, 'nobody is not a run of this data folder; relseal runs lists them']);
    const answer = (await show(folder, 'nobody', '--json')).json();
    expect(answer).toEqual({ kind: 'refused', code: 'run.unknown', run: 'nobody' });
  });

  it.each([[[]], [['a', 'b']]])('refuses %j as wrong usage', async (args) => {
    await expect(show(root, ...args)).rejects.toMatchObject({ name: 'UsageError' });
  });
});

describe('relseal replay without a server', () => {
  it('makes the run go on where it failed as soon as a server runs, without doing again what was done', async () => {
    const folder = await failedFolder();
    expect(await replay(folder, RUN, '--reason', 'the proxy is back')).toMatchObject({
      code: 0,
      out: [`${RUN} goes on where it failed when the server runs`],
    });
    expect(await shown(folder)).toMatchObject({ claim: { status: 'running', redrives: 1 } });
    expect(await serve(folder, false)).toBe(0);
    const after = await shown(folder);
    expect(after).toMatchObject({
      claim: { status: 'passed', redrives: 1 },
      engine: { description: { status: 'SUCCEEDED', redriveCount: 1 } },
      next: 'nothing: it passed',
    });
    expect(after.entries.flatMap(({ codes }) => codes)).toEqual(['run.failed', 'run.redriven']);
  });

  it('starts a new run when it is to begin at the start, and the old one says where to look', async () => {
    const folder = await failedFolder();
    const answer = await replay(folder, RUN, '--from', 'start', '--json');
    const name = z.object({ kind: z.literal('started'), runName: z.string() }).parse(answer.json()).runName;
    expect(name).toMatch(/-r1$/);
    expect(await shown(folder, name)).not.toHaveProperty('engine');
    expect(await serve(folder, false)).toBe(1);
    expect(await shown(folder, name)).toMatchObject({ claim: { status: 'passed' } });
    expect((await shown(folder)).next).toBe(`it was replayed: relseal runs show ${name}`);
    expect(await replay(folder, RUN)).toMatchObject({
      code: 1,
      out: [`${RUN} was replayed already; the newest run is ${name}`],
    });
  });

  it('refuses what did not fail and what nobody knows, each with its code', async () => {
    const folder = await failedFolder();
    await replay(folder, RUN);
    const again = await replay(folder, RUN, '--json');
    expect([again.code, again.json()]).toEqual([1, { kind: 'refused', code: 'replay.not-failed', runName: RUN }]);
    const unknown = await replay(folder, 'nobody', '--json');
    expect([unknown.code, unknown.json()]).toEqual([1, { kind: 'refused', code: 'replay.unknown', runName: 'nobody' }]);
  });

  it.each([
    ['no run', []],
    ['two runs', ['a', 'b']],
    ['another place', ['a', '--from', 'middle']],
    ['an empty reason', ['a', '--reason', '']],
    ['a reason without end', ['a', '--reason', 'x'.repeat(1001)]],
  ])('refuses %s as wrong usage', async (_what, args) => {
    await expect(replay(root, ...args)).rejects.toMatchObject({ name: 'UsageError' });
  });
});
