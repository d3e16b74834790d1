import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { engineWorld, MACHINE } from '../../../test/fakes/engine-world.ts';
import { everyState, everyStateHandlers } from '../../../test/fakes/every-state.ts';
import { manualClock } from '../../../test/fakes/manual-clock.ts';
import { openSqlite } from '../sqlite.ts';

const KILLS = Number(process.env.RELSEAL_KILLS ?? 4);
const SEED = Number(process.env.RELSEAL_SEED ?? Date.now() % 1_000_000);
const RUNS = 4;
const LONGEST_LIFE_MS = 350;
const CHILD = fileURLToPath(new URL('../../../test/fakes/engine-child.ts', import.meta.url));

/** Numerical Recipes' generator: the same seed kills at the same instants. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** One life of the engine, ended by SIGKILL so long after it began to work, unless it ends by itself before. */
function live(folder: string, batch: number, killAfterMs: number | undefined): Promise<'killed' | 'ended'> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, folder, String(batch), String(RUNS)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let errors = '';
    let timer: NodeJS.Timeout | undefined;
    child.stdout.once('data', () => {
      if (killAfterMs !== undefined) timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    });
    child.stderr.on('data', (text: Buffer) => {
      errors += text.toString();
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL') resolve('killed');
      else if (code === 0) resolve('ended');
      else reject(new Error(`the engine ended with ${code}: ${errors}`));
    });
  });
}

const lines = (file: string): string[] => readFileSync(file, 'utf8').split('\n').filter(Boolean);

describe('an engine that is killed again and again', () => {
  const folder = mkdtempSync(join(tmpdir(), 'relseal-kill-'));
  let batches = 0;
  let kills = 0;

  beforeAll(
    async () => {
      const random = seeded(SEED);
      // A batch may end by itself before its kill comes, so lives are bounded, not batches.
      for (let lives = 0; lives < KILLS * 4 && kills < KILLS; lives += 1) {
        const killed = (await live(folder, batches, random() * LONGEST_LIFE_MS)) === 'killed';
        if (killed) kills += 1;
        else batches += 1;
      }
      expect(await live(folder, batches, undefined)).toBe('ended');
      batches += 1;
      process.stdout.write(`${kills} kills, ${batches} batches of ${RUNS} runs, RELSEAL_SEED=${SEED}\n`);
    },
    KILLS * 10_000 + 30_000,
  );
  afterAll(() => rmSync(folder, { recursive: true }));

  it('was killed as often as it should be', () => {
    expect(kills).toBe(KILLS);
  });

  it('ends every run with the history, the output and the effects of one that was left alone', async () => {
    const found = engineWorld({
      machine: everyState,
      handlers: everyStateHandlers(() => {}),
      database: openSqlite(join(folder, 'engine.sqlite')),
    });
    const expectedEffects: string[] = [];
    const calm = engineWorld({
      machine: everyState,
      handlers: everyStateHandlers((name) => {
        expectedEffects.push(name);
      }),
      clock: manualClock(),
    });
    const names = Array.from({ length: batches * RUNS }, (_run, at) => `${Math.floor(at / RUNS)}-${at % RUNS}`);
    for (const name of names) {
      const run = await found.engine.describe(MACHINE, name);
      const expected = await calm.run(run?.input, name);
      const { startedAt: _started, stoppedAt: _stopped, ...same } = { ...expected };
      expect(run, `RELSEAL_SEED=${SEED}`).toMatchObject(same);
      const perPath = async (world: typeof found) => {
        const paths = new Map<string, string[]>();
        for (const { path, type } of await world.engine.history(MACHINE, name)) {
          const types = paths.get(path) ?? [];
          paths.set(path, types);
          if (type !== 'TaskStarted' || types.at(-1) !== type) types.push(type);
        }
        return paths;
      };
      expect(await perPath(found), `RELSEAL_SEED=${SEED}`).toEqual(await perPath(calm));
    }
    expect(new Set(lines(join(folder, 'effects')))).toEqual(new Set(expectedEffects));
    await found.engine.close();
  });

  it('calls no task without having stored its start, and few more than once', async () => {
    const effects = lines(join(folder, 'effects'));
    const database = openSqlite(join(folder, 'engine.sqlite'));
    const started = z
      .object({ n: z.int() })
      .parse(
        database
          .prepare(
            "SELECT count(*) AS n FROM workflow_events, json_each(events) WHERE value ->> 'type' = 'TaskStarted'",
          )
          .get(),
      );
    expect(effects.length).toBeLessThanOrEqual(started.n);
    // At most two tasks of each run are in flight when it is killed.
    expect(effects.length - new Set(effects).size).toBeLessThanOrEqual(kills * RUNS * 2);
    database.close();
  });

  it('answers every token once, and asks again with the one it had', async () => {
    const found = engineWorld({
      states: { End: { Type: 'Succeed' } },
      database: openSqlite(join(folder, 'engine.sqlite')),
    });
    for (let at = 0; at < batches * RUNS; at += 1) {
      const name = `${Math.floor(at / RUNS)}-${at % RUNS}`;
      const run = await found.engine.describe('asking', name);
      expect(run, `RELSEAL_SEED=${SEED}`).toMatchObject({
        status: 'SUCCEEDED',
        output: [`${name}/Left`, `${name}/Right`],
      });
    }
    await found.engine.close();
    const tokens = new Map<string, Set<string>>();
    for (const line of lines(join(folder, 'tokens'))) {
      const [name = '', token = ''] = line.split(' ');
      tokens.set(name, (tokens.get(name) ?? new Set()).add(token));
    }
    expect(tokens.size).toBe(batches * RUNS * 3);
    for (const [name, given] of tokens) expect(given.size, `${name} RELSEAL_SEED=${SEED}`).toBe(1);
  });

  it('tells each status change at least once and in order', () => {
    const told = new Map<string, string[]>();
    for (const line of lines(join(folder, 'changes'))) {
      const [name = '', status = ''] = line.split(' ');
      const before = told.get(name) ?? [];
      told.set(name, before);
      if (before.at(-1) !== status) before.push(status);
    }
    expect(told.size).toBe(batches * RUNS);
    for (const [name, statuses] of told)
      expect(statuses).toEqual(['RUNNING', name.endsWith('-2') ? 'FAILED' : 'SUCCEEDED']);
  });
});
