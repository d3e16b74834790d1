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
