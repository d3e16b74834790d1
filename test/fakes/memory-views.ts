import { Fault } from '../../core/faults.ts';
import type { RebuildableViews, ViewDifference, ViewRow } from '../../core/ports/views.ts';
import type { TenantId } from '../../events/fields.ts';

interface Kept {
  readonly rows: Map<TenantId, Map<number, ViewRow>>;
  readonly watermarks: Map<TenantId, number>;
}
const none = (): Kept => ({ rows: new Map(), watermarks: new Map() });

/** Each term of some rows, by what tells it from others. */
function termsIn({ rows }: Kept): Map<string, Omit<ViewDifference, 'kind'>> {
  const all = [...rows.values()].flatMap((mine) => [...mine.values()]);
  return new Map(
    all.flatMap(({ tenant, index, leaf, terms }) =>
      terms.map(({ field, value }) => [
        JSON.stringify([tenant, index, field, value, leaf]),
        { tenant, index, field, value },
      ]),
    ),
  );
}

const only = (kind: ViewDifference['kind'], some: Kept, others: Kept): ViewDifference[] => {
  const known = termsIn(others);
  return [...termsIn(some)].filter(([name]) => !known.has(name)).map(([, term]) => ({ kind, ...term }));
};

/** Search rows in memory. */
export function memoryViews(kept: Kept = none()): RebuildableViews {
  const { rows, watermarks } = kept;
  return {
    put: async (tenant, added, upTo) => {
      const mine = rows.get(tenant) ?? new Map<number, ViewRow>();
      rows.set(tenant, mine);
      for (const row of added) mine.set(row.index, structuredClone(row));
      watermarks.set(tenant, Math.max(watermarks.get(tenant) ?? 0, upTo));
    },
    watermark: async (tenant) => watermarks.get(tenant) ?? 0,
    find: async (tenant, field, value, { before = Number.MAX_SAFE_INTEGER, limit }) =>
      [...(rows.get(tenant)?.values() ?? [])]
        .filter(
          ({ index, terms }) => index < before && terms.some((term) => term.field === field && term.value === value),
        )
        .sort((a, b) => b.index - a.index)
        .slice(0, limit)
        .map(({ index, leaf }) => ({ index, leaf })),
    rebuild: async () => {
      const [made, before] = [none(), JSON.stringify([...watermarks])];
      return {
        fresh: memoryViews(made),
        compare: async (most) => {
          const missing = only('missing', made, kept).filter(
            ({ tenant, index }) => index < (watermarks.get(tenant) ?? 0),
          );
          const differing = [...missing, ...only('unfounded', kept, made)];
          return { differing: differing.length, first: differing.slice(0, most) };
        },
        replace: async () => {
          if (JSON.stringify([...watermarks]) !== before)
            throw new Fault('LedgerConflict', 'somebody projected during the rebuild');
          rows.clear();
          watermarks.clear();
          for (const [tenant, mine] of made.rows) rows.set(tenant, mine);
          for (const [tenant, upTo] of made.watermarks) watermarks.set(tenant, upTo);
        },
      };
    },
  };
}
