import { expect, it } from 'vitest';
import type { TagObservation, TagTable } from '../../core/ports/tag-table.ts';
import { TenantId } from '../../events/fields.ts';

const at = (eventId: string, target: string | undefined, more: Partial<TagObservation> = {}): TagObservation => ({
  tenant: TenantId.parse('acme'),
  kind: 'source',
  host: 'git.example.com',
  repository: 'acme/sample',
  tag: 'v1.0.0',
  ...(target === undefined ? {} : { target }),
  eventId,
  ...more,
});

/** What every tag table must do. */
export function tagTableContract(make: () => TagTable | Promise<TagTable>): void {
  it('tells created, republished, moved and deleted apart and counts the changes', async () => {
    const table = await make();
    expect(await table.observe(at('1', 'a'))).toEqual({ change: 'created', generation: 0 });
    expect(await table.observe(at('2', 'a'))).toEqual({ change: 'republished', generation: 0, previous: 'a' });
    expect(await table.observe(at('3', 'b'))).toEqual({ change: 'moved', generation: 1, previous: 'a' });
    expect(await table.observe(at('4', undefined))).toEqual({ change: 'deleted', generation: 2, previous: 'b' });
    expect(await table.observe(at('5', 'b'))).toEqual({ change: 'created', generation: 2 });
  });

  it('answers an event it has seen as before and changes nothing', async () => {
    const table = await make();
    await table.observe(at('1', 'a'));
    const moved = await table.observe(at('2', 'b'));
    await table.observe(at('3', 'c'));
    expect(await table.observe(at('2', 'b'))).toEqual(moved);
    expect(await table.observe(at('4', 'c'))).toMatchObject({ change: 'republished', generation: 2 });
  });

  it('keeps tenants, kinds, hosts and repositories apart', async () => {
    const table = await make();
    await table.observe(at('1', 'a'));
    const others = [
      { tenant: TenantId.parse('other') },
      { kind: 'artifact' as const },
      { host: 'h' },
      { repository: 'r' },
      { tag: 't' },
    ];
    for (const [position, other] of others.entries())
      expect(await table.observe(at(`x${position}`, 'b', other))).toEqual({ change: 'created', generation: 0 });
  });
}
