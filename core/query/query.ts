import type { Sha256Hex, TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import { type LedgerEntry, parseEntry } from '../ledger/entry.ts';
import { toHex } from '../ledger/hex.ts';
import type { LedgerStore } from '../ports/ledger-store.ts';
import type { ViewField, Views } from '../ports/views.ts';
import { leafHash } from '../tlog/merkle.ts';

export interface QueryDeps {
  readonly ledger: Pick<LedgerStore, 'entries'>;
  readonly views: Views;
}

export interface EntryQuery {
  readonly field: ViewField;
  readonly value: string;
  /** At most 1,000. */
  readonly limit: number;
  /** Only entries below this index: the next page. */
  readonly before?: number;
}

export interface FoundEntry {
  readonly index: number;
  readonly leaf: Sha256Hex;
  readonly entry: LedgerEntry;
}

export interface QueryAnswer {
  /** Newest first. */
  readonly entries: readonly FoundEntry[];
  /** Entries below this index were searched; later ones are not projected yet. */
  readonly asOfIndex: number;
}

const MAX_LIMIT = 1000;

/** Finds by projection, answers from the log: a view that names another leaf than the log's is `LedgerInconsistent`. */
export async function queryEntries(
  { ledger, views }: QueryDeps,
  tenant: TenantId,
  { field, value, limit, before }: EntryQuery,
): Promise<QueryAnswer> {
  const asOfIndex = await views.watermark(tenant);
  const page = { limit: Math.min(limit, MAX_LIMIT), ...(before === undefined ? {} : { before }) };
  const entries: FoundEntry[] = [];
  for (const { index, leaf } of await views.find(tenant, field, value, page)) {
    const [bytes] = await ledger.entries(tenant, index, 1);
    if (!bytes || toHex(leafHash(bytes)) !== leaf)
      throw new Fault('LedgerInconsistent', `entry ${index} of ${tenant} is not the one its view names`);
    entries.push({ index, leaf, entry: parseEntry(bytes) });
  }
  return { entries, asOfIndex };
}
