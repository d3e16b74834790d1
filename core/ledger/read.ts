import type { TenantId } from '../../events/fields.ts';
import type { SignedCheckpoint } from '../ports/ledger-store.ts';
import { parseDecimal } from '../tlog/checkpoint.ts';
import { inclusionProof } from '../tlog/merkle.ts';
import { parseLogPath, TILE_WIDTH, tileHashReader, tileWidth } from '../tlog/tile.ts';
import { formatLogProof } from '../tlog/tlog-proof.ts';
import { isAnchorPath, readAnchors } from './anchor-list.ts';
import { entriesOf, type LogDeps, readBundle, readTile } from './log-tiles.ts';
import { shownOf } from './published.ts';

export interface LogFile {
  readonly bytes: Uint8Array;
  readonly contentType: 'application/octet-stream' | 'application/json' | 'text/plain; charset=utf-8';
  /** Whether the same name has the same bytes for ever. */
  readonly immutable: boolean;
}

const textFile = (text: string): LogFile => ({
  bytes: new TextEncoder().encode(text),
  contentType: 'text/plain; charset=utf-8',
  immutable: false,
});

/** The checkpoint that readers are shown, which `shownOf` tells. */
export const servedCheckpoint = async (
  { ledger }: Pick<LogDeps, 'ledger'>,
  tenant: TenantId,
): Promise<SignedCheckpoint | undefined> => shownOf(await ledger.published(tenant));

/**
 * What a tlog-tiles log serves at `path`, under its newest checkpoint: `checkpoint`, tiles and entry bundles, of any
 * width that the published size covers, and besides `proof/<index>` and the copies of checkpoints at `anchors`. Anything else is `undefined`.
 */
export async function readLogResource(deps: LogDeps, tenant: TenantId, path: string): Promise<LogFile | undefined> {
  if (path.startsWith(PROOF)) {
    const proof = await readInclusionProof(deps, tenant, parseDecimal(path.slice(PROOF.length)) ?? -1);
    return proof === undefined ? undefined : textFile(proof);
  }
  if (isAnchorPath(path)) return readAnchors(deps.worm, tenant, path);
  const resource = parseLogPath(path);
  const served = resource && (await servedCheckpoint(deps, tenant));
  if (!served) return undefined;
  if (resource.kind === 'checkpoint') return textFile(served.note);
  const level = resource.kind === 'tile' ? resource.level : 0;
  if (resource.width > tileWidth(served.size, level, resource.index)) return undefined;
  const bytes =
    resource.kind === 'tile'
      ? await readTile(deps, tenant, resource)
      : await readBundle(deps, tenant, resource.index, resource.width);
  // A partial one may be gone once the full one is there.
  return { bytes, contentType: 'application/octet-stream', immutable: resource.width === TILE_WIDTH };
}

const PROOF = 'proof/';

/**
 * A `.tlog-proof` (C2SP tlog-proof) of one entry under the published checkpoint, the entry itself beside it as `extra`;
 * `undefined` above it.
 */
export async function readInclusionProof(deps: LogDeps, tenant: TenantId, index: number): Promise<string | undefined> {
  const served = await servedCheckpoint(deps, tenant);
  if (!served || !Number.isSafeInteger(index) || index < 0 || index >= served.size) return undefined;
  return inclusionProofUnder(deps, tenant, index, served);
}

/** The same under a checkpoint of the log that covers the entry. */
export async function inclusionProofUnder(
  deps: LogDeps,
  tenant: TenantId,
  index: number,
  { size, note }: Pick<SignedCheckpoint, 'size' | 'note'>,
): Promise<string> {
  const read = tileHashReader(size, (tile) => readTile(deps, tenant, tile));
  const [path, [extra]] = [await inclusionProof(index, size, read), await entriesOf(deps, tenant, index, 1)];
  return formatLogProof({ ...(extra ? { extra } : {}), index, path, note });
}
