import { expect, it } from 'vitest';
import { TENANT } from '../../test/contracts/ledger-drafts.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryAuditStore } from '../../test/fakes/memory-audit-store.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { EMPTY_HEAD } from '../ledger/segment.ts';
import { startAudit } from './start-audit.ts';

const DAY_MS = 86_400_000;

function world() {
  const [ledger, audits, clock] = [memoryLedgerStore(), memoryAuditStore(), fixedClock('2026-01-02T23:59:00.000Z')];
  const started: string[] = [];
  const workflows = {
    start: async (machine: string, name: string) => {
      const run = `${machine} ${name}`;
      if (started.includes(run)) return 'exists' as const;
      started.push(run);
      return 'started' as const;
    },
  };
  const deps = { ledger, audits, clock, workflows };
  const end = async (): Promise<void> => {
    const run = { name: 'a', rounds: 1, before: EMPTY_HEAD(), began: 0, wrapped: false, found: [], ended: true };
    const cursors = { newest: EMPTY_HEAD(), rotating: EMPTY_HEAD(), looked: '' };
    await audits.save(TENANT, { ...cursors, endedAt: clock.now(), run });
  };
  const publish = () => ledger.savePublished(TENANT, { size: 1, root: EMPTY_HEAD().root, note: 'n' }, 0);
  return { ...deps, started, end, publish, start: () => startAudit(deps, TENANT) };
}

it('starts nothing for a log that has no checkpoint', async () => {
  const { start, started } = world();
  expect(await start()).toBe('nothing');
  expect(started).toEqual([]);
});

it('starts one run for each day of UTC, however often it is asked', async () => {
  const { publish, start, started, clock } = world();
  await publish();
  expect([await start(), await start()]).toEqual(['started', 'exists']);
  clock.advance(60_000);
  expect(await start()).toBe('started');
  expect(new Set(started).size).toBe(2);
  for (const run of started) expect(run).toMatch(/^audit audit-[0-9a-f]{40}$/);
});

it('asks for nothing more on the day on which an audit has ended, and for one on the next', async () => {
  const { publish, start, started, end, clock } = world();
  await publish();
  await start();
  await end();
  expect(await start()).toBe('nothing');
  clock.advance(DAY_MS);
  expect(await start()).toBe('started');
  expect(started).toHaveLength(2);
});

it('audits a log whose checkpoint is gone: it had one when it was audited', async () => {
  const { start, end, clock } = world();
  await end();
  clock.advance(DAY_MS);
  expect(await start()).toBe('started');
});
