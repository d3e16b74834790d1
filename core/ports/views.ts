import type { Sha256Hex, TenantId } from '../../events/fields.ts';

/** What an entry can be found by. */
export const VIEW_FIELDS = [
  'release',
  'commit',
  'tag',
  'digest',
  'module',
  'actor',
  'run',
  'trace',
  'delivery',
  'repository',
  'kind',
  'outcome',
] as const;
export type ViewField = (typeof VIEW_FIELDS)[number];

/** One ledger entry, findable. A projection: rebuilt from entries at any time, never evidence of anything. */
export interface ViewRow {
  readonly tenant: TenantId;
  readonly index: number;
  readonly leaf: Sha256Hex;
  readonly terms: readonly { readonly field: ViewField; readonly value: string }[];
}

export interface Views {
  /** Stores the rows and moves the watermark to `upTo` together or repeatably: putting a row twice changes nothing. */
  put(tenant: TenantId, rows: readonly ViewRow[], upTo: number): Promise<void>;
  /** Entries `[0, watermark)` are projected. */
  watermark(tenant: TenantId): Promise<number>;
  /** Indices of matching entries below `before` (absent: all), newest first. */
  find(
    tenant: TenantId,
    field: ViewField,
    value: string,
    page: { before?: number; limit: number },
  ): Promise<{ index: number; leaf: Sha256Hex }[]>;
}

/** A term that entries have and the view lacks, or the other way round. */
export interface ViewDifference {
  readonly kind: 'missing' | 'unfounded';
  readonly tenant: TenantId;
  readonly index: number;
  readonly field: string;
  readonly value: string;
}

/** Views that are made again from nothing, beside the live ones. */
export interface ViewRebuild {
  /** Empty at first, and seen by nobody else. */
  readonly fresh: Views;
  /**
   * Where the live ones differ from the fresh ones: how many terms, and the first `most` of them. Entries that the live ones
   * do not reach yet are no difference.
   */
  compare(most: number): Promise<{ differing: number; first: readonly ViewDifference[] }>;
  /**
   * Puts the fresh ones in place of the live ones, of all tenants. MUST do all of it or nothing, durable before it resolves;
   * MUST throw `LedgerConflict`, changing nothing, when somebody projected since the rebuild began.
   */
  replace(): Promise<void>;
}

export interface RebuildableViews extends Views {
  /** Begins anew; what an earlier rebuild left off is gone. */
  rebuild(): Promise<ViewRebuild>;
}
