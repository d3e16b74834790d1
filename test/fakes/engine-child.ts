import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { openSqlite } from '../../adapters/embedded/sqlite.ts';
import { workflowEngine } from '../../adapters/embedded/workflow-engine/engine.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { asked, asking, everyState, everyStateHandlers } from './every-state.ts';

/**
 * A process with the real engine, to be killed: `node --import tsx engine-child.ts <folder> <batch> <runs>`. Its clock
 * runs fast, for the shortest Wait is a second. Effects, tokens and status changes are lines of files; tokens are answered
 * soon after they were written, and all of them again by the next process. It prints `working` once it works, and ends
 * when its runs have.
 */
const SPEED = 40;
const fastClock: Clock = {
  now: () => Date.now() * SPEED,
  sleep: (ms, signal) => delay(ms / SPEED, undefined, signal ? { signal } : {}),
};

const [folder = '.', batch = '0', runs = '1'] = process.argv.slice(2);
const tokenFile = `${folder}/tokens`;
const engine = workflowEngine({
  database: openSqlite(`${folder}/engine.sqlite`),
  clock: fastClock,
  machines: { sample: everyState, asking },
  faults: ['StoreUnavailable', 'LedgerConflict'],
  handlers: {
    ...everyStateHandlers(async (name) => {
      appendFileSync(`${folder}/effects`, `${name}\n`);
      await delay(3);
    }),
    AskFunction: async (payload) => {
      const { name, token } = asked(payload);
      appendFileSync(tokenFile, `${name} ${token}\n`);
      void delay(2).then(() => engine.sendTaskSuccess(token, name));
    },
  },
  codeVersion: 'test',
  random: Math.random,
  onStatus: async ({ machine, name, status }) => {
    if (machine === 'sample') appendFileSync(`${folder}/changes`, `${name} ${status}\n`);
    await delay(1);
  },
  onFault: (fault) => {
    throw fault;
  },
});

process.stdout.write('working\n');
engine.resume();
const tokens = existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8').split('\n') : [];
for (const line of tokens) await engine.sendTaskSuccess(line.split(' ')[1] ?? '', line.split(' ')[0]);
for (let at = 0; at < Number(runs); at += 1) {
  const name = `${batch}-${at}`;
  await engine.start('sample', name, { good: at % 3 !== 2, items: ['a', 'b', 'c'] });
  await engine.start('asking', name, {});
}
await engine.settled();
await engine.close();
