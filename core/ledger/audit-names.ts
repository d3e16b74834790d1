import type { TenantId } from '../../events/fields.ts';
import { parseDecimal } from '../tlog/checkpoint.ts';
import { parseLogPath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import { anchorSizeOf } from './anchor-list.ts';
import type { AuditedLog, NoteFinding } from './audit-finding.ts';

/** Where a log's objects are, in byte order. */
const FOLDERS = ['anchors/', 'log/', 'seg/'];

/** Whether a log of `size` entries can have an object of this name: one that lost a race is still a segment. */
function isOfLog(tenant: TenantId, name: string, size: number): boolean {
  const path = name.slice(`t/${tenant}/`.length);
  if (path.startsWith('anchors/')) return anchorSizeOf(tenant, name) !== undefined;
  if (path.startsWith('seg/')) {
    const [, first = ''] = /^seg\/([0-9]+)-[0-9a-f]{64}$/.exec(path) ?? [];
    return (parseDecimal(first) ?? Number.POSITIVE_INFINITY) <= size;
  }
  const resource = parseLogPath(path.slice('log/'.length));
  if (!resource || resource.kind === 'checkpoint' || resource.width !== TILE_WIDTH) return false;
  return tileWidth(size, resource.kind === 'tile' ? resource.level : 0, resource.index) === TILE_WIDTH;
}

/** At most `most` names behind `after`, and whether there are more. */
async function namesAfter({ worm }: AuditedLog, tenant: TenantId, after: string, most: number) {
  const names: string[] = [];
  for (const folder of FOLDERS) {
    const prefix = `t/${tenant}/${folder}`;
    if (after > prefix && !after.startsWith(prefix)) continue;
    for await (const name of worm.list(prefix, after.startsWith(prefix) ? after : undefined)) {
      if (names.length === most) return { names, isMore: true };
      names.push(name);
    }
  }
  return { names, isMore: false };
}

/**
 * Looks at the names that write-once storage has of a log for what cannot be its own, and answers the last one; '' when
 * the next look is to begin with the first again.
 */
export async function checkNames(
  log: AuditedLog,
  tenant: TenantId,
  after: string,
  most: number,
  note: NoteFinding,
): Promise<string> {
  const { names, isMore } = await namesAfter(log, tenant, after, most);
  // Read after the names: whatever is written goes with a head, or with the next one.
  const { size } = await log.ledger.head(tenant);
  for (const name of names) {
    if (!isOfLog(tenant, name, size)) note('ledger.object-unexpected', name);
    else if ((anchorSizeOf(tenant, name) ?? 0) > size && name.startsWith(`t/${tenant}/anchors/`))
      note('ledger.truncated', name);
  }
  return isMore ? (names.at(-1) ?? '') : '';
}
