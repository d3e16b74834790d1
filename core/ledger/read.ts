import type { TenantId } from '../../events/fields.ts';
import { inclusionProof } from '../tlog/merkle.ts';
import { parseLogPath, tileHashReader, tileWidth } from '../tlog/tile.ts';
import { formatLogProof } from '../tlog/tlog-proof.ts';
import { type LogDeps, readBundle, readTile } from './log-tiles.ts';

export interface LogFile {
  readonly bytes: Uint8Array;
  readonly contentType: 'application/octet-stream' | 'text/plain; charset=utf-8';
}

/**
 * What a tlog-tiles log serves at `path`, under its newest checkpoint: `checkpoint`, tiles and entry bundles, of any
 * width that the published size covers. Anything else is `undefined`.
 */
export async function readLogResource(deps: LogDeps, tenant: TenantId, path: string): Promise<LogFile | undefined> {
  const resource = parseLogPath(path);
  const published = resource && (await deps.ledger.published(tenant));
  if (!published) return undefined;
  if (resource.kind === 'checkpoint')
    return { bytes: new TextEncoder().encode(published.note), contentType: 'text/plain; charset=utf-8' };
  const level = resource.kind === 'tile' ? resource.level : 0;
  if (resource.width > tileWidth(published.size, level, resource.index)) return undefined;
  const bytes =
    resource.kind === 'tile'
      ? await readTile(deps, tenant, resource)
      : await readBundle(deps, tenant, resource.index, resource.width);
  return { bytes, contentType: 'application/octet-stream' };
}

/** A `.tlog-proof` (C2SP tlog-proof) of one entry under the published checkpoint; `undefined` above it. */
export async function readInclusionProof(deps: LogDeps, tenant: TenantId, index: number): Promise<string | undefined> {
  const published = await deps.ledger.published(tenant);
  if (!published || !Number.isSafeInteger(index) || index < 0 || index >= published.size) return undefined;
  const read = tileHashReader(published.size, (tile) => readTile(deps, tenant, tile));
  const path = await inclusionProof(index, published.size, read);
  return formatLogProof({ index, path, note: published.note });
}
