import type { TenantId } from '../../events/fields.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { RebuildableViews, ViewDifference, Views } from '../ports/views.ts';
import { projectEntries } from './project.ts';

export interface RebuildViewsDeps {
  readonly ledger: Pick<LedgerStore, 'head' | 'entries'>;
  readonly views: RebuildableViews;
}

export interface ViewsRebuild {
  /** Terms that the live views had wrong or not at all. */
  readonly differing: number;
  readonly first: readonly ViewDifference[];
  /** Tenants whose views claimed entries that the log does not have. */
  readonly beyond: readonly TenantId[];
  /** Entries that were committed and not projected yet, which is nothing wrong. */
  readonly behind: number;
}

/** So many differences are shown. */
const MOST = 100;

/**
 * Makes all views again from the entries, compares the live ones with them, and puts them in their place unless it is a
 * check. A process that dies leaves the old ones or the new ones; the next one begins anew.
 */
export async function rebuildViews(
  { ledger, views }: RebuildViewsDeps,
  tenants: readonly TenantId[],
  { isCheck, progress }: { readonly isCheck: boolean; progress(entries: number): void },
): Promise<ViewsRebuild> {
  const rebuild = await views.rebuild();
  const beyond: TenantId[] = [];
  let [behind, done] = [0, 0];
  const fresh: Views = {
    ...rebuild.fresh,
    put: async (tenant, rows, upTo) => {
      await rebuild.fresh.put(tenant, rows, upTo);
      done += rows.length;
      progress(done);
    },
  };
  for (const tenant of tenants) {
    const live = await views.watermark(tenant);
    const size = await projectEntries({ ledger, views: fresh }, tenant);
    if (live > size) beyond.push(tenant);
    behind += Math.max(0, size - live);
  }
  const compared = await rebuild.compare(MOST);
  if (!isCheck) await rebuild.replace();
  return { ...compared, beyond, behind };
}
