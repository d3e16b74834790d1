import { expect, it } from 'vitest';
import { COMMIT, deliveryWorld, pushRequest } from '../../test/fakes/delivery-world.ts';
import { memoryViews } from '../../test/fakes/memory-views.ts';
import { dispatchDue } from '../ingest/publish.ts';
import { receiveDelivery } from '../ingest/receive.ts';
import type { ViewField } from '../ports/views.ts';
import { projectEntries } from './project.ts';
import { queryEntries } from './query.ts';

async function projected() {
  const world = deliveryWorld();
  await receiveDelivery(world.receive, pushRequest());
  await dispatchDue(world.publish);
  const deps = { ledger: world.ledger, views: memoryViews() };
  expect(await projectEntries(deps, world.tenant.id)).toBe(1);
  expect(await projectEntries(deps, world.tenant.id)).toBe(1);
  return { deps, tenant: world.tenant.id, trace: world.bus.accepted[0]?.event.traceparent.split('-')[1] ?? '' };
}

it('finds an entry by each of its terms and by no other', async () => {
  const { deps, tenant, trace } = await projected();
  const terms: [ViewField, string][] = [
    ['commit', COMMIT],
    ['tag', 'v1.0.0'],
    ['release', 'github.com/acme/sample@v1.0.0'],
    ['repository', 'github.com/acme/sample'],
    ['delivery', 'github/github.com/guid-1'],
    ['kind', 'delivery'],
    ['trace', trace],
  ];
  for (const [field, value] of terms)
    expect(await queryEntries(deps, tenant, { field, value, limit: 9 }), field).toMatchObject({
      asOfIndex: 1,
      entries: [{ index: 0, entry: { kind: 'delivery' } }],
    });
  expect((await queryEntries(deps, tenant, { field: 'tag', value: 'v9', limit: 9 })).entries).toEqual([]);
});

it('does not answer from a view that names another leaf', async () => {
  const { deps, tenant } = await projected();
  const views = { ...deps.views, find: async () => [{ index: 0, leaf: COMMIT.padEnd(64, '0') as never }] };
  await expect(
    queryEntries({ ...deps, views }, tenant, { field: 'kind', value: 'delivery', limit: 9 }),
  ).rejects.toMatchObject({ name: 'LedgerInconsistent' });
});
