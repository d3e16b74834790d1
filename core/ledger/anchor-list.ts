import type { TenantId } from '../../events/fields.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { parseDecimal } from '../tlog/checkpoint.ts';

/** The copies of checkpoints in write-once storage as others read them: one by one, or a page of their sizes. */

export interface AnchorName {
  readonly name: string;
  readonly size: number;
}

/** As many digits as the largest size has: names in byte order are sizes in their order. */
const DIGITS = 16;
const PAGE = 1000;
const LIST = 'anchors';

const folderOf = (tenant: TenantId): string => `t/${tenant}/anchors/`;

export const anchorNameOf = (tenant: TenantId, size: number): string =>
  `${folderOf(tenant)}${String(size).padStart(DIGITS, '0')}`;

/** The size that an anchor is named after; `undefined` where the name is none of an anchor. */
export function anchorSizeOf(tenant: TenantId, name: string): number | undefined {
  const digits = name.slice(folderOf(tenant).length);
  return digits.length === DIGITS ? parseDecimal(digits.replace(/^0+(?=.)/, '')) : undefined;
}

/** Anchors of sizes above `size`, smallest first. */
export async function* anchorNames(worm: WormStore, tenant: TenantId, size: number): AsyncGenerator<AnchorName> {
  for await (const name of worm.list(folderOf(tenant), anchorNameOf(tenant, size))) {
    const named = anchorSizeOf(tenant, name);
    if (named !== undefined) yield { name, size: named };
  }
}

export const isAnchorPath = (path: string): boolean => path === LIST || path.startsWith(`${LIST}/`);

export interface AnchorFile {
  readonly bytes: Uint8Array;
  readonly contentType: 'application/json' | 'text/plain; charset=utf-8';
  /** Whether it will be the same for ever: a note, and a page that is full. */
  readonly immutable: boolean;
}

async function pageAfter(worm: WormStore, tenant: TenantId, after: number): Promise<AnchorFile> {
  const sizes: number[] = [];
  for await (const { size } of anchorNames(worm, tenant, after)) {
    sizes.push(size);
    if (sizes.length === PAGE) break;
  }
  const isFull = sizes.length === PAGE;
  const page = {
    anchors: sizes.map((size) => ({ size, note: `${LIST}/${size}` })),
    ...(isFull ? { next: `${LIST}/after/${sizes.at(-1)}` } : {}),
  };
  return { bytes: new TextEncoder().encode(JSON.stringify(page)), contentType: 'application/json', immutable: isFull };
}

/**
 * `anchors`: the smallest thousand; `anchors/after/<size>`: those that follow a size, paths being relative to the log's;
 * `anchors/<size>`: the note. Any other path, and a note that is not kept, is `undefined`.
 */
export async function readAnchors(worm: WormStore, tenant: TenantId, path: string): Promise<AnchorFile | undefined> {
  if (path === LIST) return pageAfter(worm, tenant, 0);
  const [, after, named = ''] = /^anchors\/(after\/)?([0-9]{1,16})$/.exec(path) ?? [];
  const size = parseDecimal(named);
  if (size === undefined) return undefined;
  if (after !== undefined) return pageAfter(worm, tenant, size);
  const bytes = await worm.get(anchorNameOf(tenant, size));
  return bytes && { bytes, contentType: 'text/plain; charset=utf-8', immutable: true };
}
