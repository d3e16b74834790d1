import { describe, expect, it } from 'vitest';
import { Sha256Hex } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWorkflows } from '../../test/fakes/memory-workflows.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { appendEntries } from '../ledger/append.ts';
import type { PublishedCheckpoint } from '../ports/ledger-store.ts';
import { startCheckpoint } from './start-checkpoint.ts';

async function startedAfter(entries: number, published?: Partial<PublishedCheckpoint>) {
  const [ledger, workflows] = [memoryLedgerStore(), memoryWorkflows()];
  const drafts = Array.from({ length: entries }, (_, at) => draftOf(`e${at}`));
  if (entries > 0) await appendEntries({ ledger, worm: memoryWormStore(), clock: fixedClock() }, TENANT, drafts);
  const checkpoint = { size: 2, root: Sha256Hex.parse('a'.repeat(64)), note: 'note' };
  if (published) await ledger.savePublished(TENANT, { ...checkpoint, ...published }, 0);
  return startCheckpoint({ ledger, workflows }, TENANT);
}

describe('a checkpoint', () => {
  const anchored = { size: 2, at: 0 };
  const served = { size: 2, root: Sha256Hex.parse('a'.repeat(64)), note: 'note' };

  it.each([
    ['an empty log', 0, undefined],
    ['a log that is published and copied', 2, { anchored }],
    ['a log that its witnesses have cosigned', 2, { anchored, witnesses: {}, served }],
  ])('is not started for %s', async (_, entries, published) => {
    expect(await startedAfter(entries, published)).toBe('nothing');
  });

  it.each([
    ['new entries', 3, { anchored }],
    ['the first entries', 1, undefined],
    ['a copy that is due', 2, { anchored: { size: 1, at: 0 } }],
    ['witnesses that were away', 2, { anchored, witnesses: {} }],
  ])('is started for %s', async (_, entries, published) => {
    expect(await startedAfter(entries, published)).toBe('started');
  });
});
