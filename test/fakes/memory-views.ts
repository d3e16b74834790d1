import type { ViewRow, Views } from '../../core/ports/views.ts';

/** Search rows in memory. */
export function memoryViews(): Views {
  const rows = new Map<string, Map<number, ViewRow>>();
  const watermarks = new Map<string, number>();
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
  };
}
