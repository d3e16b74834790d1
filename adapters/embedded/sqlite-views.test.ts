import { expect, it } from 'vitest';
import { appendEntries } from '../../core/ledger/append.ts';
import { projectEntries } from '../../core/query/project.ts';
import { rebuildViews } from '../../core/query/rebuild.ts';
import { Sha256Hex } from '../../events/fields.ts';
import { draftOf, TENANT } from '../../test/contracts/ledger-drafts.ts';
import { deathAt, dyingDatabase } from '../../test/fakes/dying-database.ts';
import { fixedClock } from '../../test/fakes/fixed-clock.ts';
import { memoryLedgerStore } from '../../test/fakes/memory-ledger-store.ts';
import { memoryWormStore } from '../../test/fakes/memory-worm-store.ts';
import { openSqlite } from './sqlite.ts';
import { sqliteViews } from './sqlite-views.ts';

const leaf = Sha256Hex.parse('a'.repeat(64));
const rebuild = (deps: Parameters<typeof rebuildViews>[0], isCheck = false) =>
  rebuildViews(deps, [TENANT], { isCheck, progress: () => undefined });

/** Two projected entries, and a tag that neither of them has. */
async function wrong() {
  const ledger = memoryLedgerStore();
  await appendEntries({ ledger, worm: memoryWormStore(), clock: fixedClock() }, TENANT, [draftOf('a'), draftOf('b')]);
  const database = openSqlite(':memory:');
  const views = sqliteViews(database);
  await projectEntries({ ledger, views }, TENANT);
  await views.put(TENANT, [{ tenant: TENANT, index: 1, leaf, terms: [{ field: 'tag', value: 'v9' }] }], 2);
  const tags = async () => (await views.find(TENANT, 'tag', 'v9', { limit: 9 })).length;
  return { ledger, views, database, tags };
}

it('has the old views or the new ones wherever a rebuild dies, and a second one finishes', async () => {
  const whole = await wrong();
  const counting = deathAt(-1, 'before');
  await rebuild({ ledger: whole.ledger, views: sqliteViews(dyingDatabase(whole.database, counting)) });
  expect([await whole.tags(), counting.writes]).toEqual([0, 2]);
  for (const when of ['before', 'after'] as const)
    for (let at = 0; at < counting.writes; at += 1) {
      const { ledger, views, database, tags } = await wrong();
      const dying = dyingDatabase(database, deathAt(at, when));
      await expect(rebuild({ ledger, views: sqliteViews(dying) })).rejects.toThrow('the process is dead');
      const isReplaced = at === counting.writes - 1 && when === 'after';
      expect(await tags()).toBe(isReplaced ? 0 : 1);
      expect((await rebuild({ ledger, views }, true)).differing).toBe(isReplaced ? 0 : 1);
      await rebuild({ ledger, views });
      expect([await tags(), await rebuild({ ledger, views }, true)]).toMatchObject([0, { differing: 0, behind: 0 }]);
    }
});
