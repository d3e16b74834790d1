import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { LedgerHead, PublishedCheckpoint } from '../ports/ledger-store.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { type Checkpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { anchorNameOf, anchorNames } from './anchor-list.ts';

/** Copies of checkpoints in write-once storage: what the log has published, whatever becomes of its database. */

/** One is made at most so often: they are kept for ever. */
const INTERVAL_MS = 60_000;

/** Whether a checkpoint is to be copied now. */
export const isAnchorDue = ({ size, anchored }: PublishedCheckpoint, nowMs: number): boolean =>
  anchored === undefined || (anchored.size < size && nowMs - anchored.at >= INTERVAL_MS);

/** Copies the note; one of the same size that is there already stays, since no two of one size are signed. */
export const putAnchor = (worm: WormStore, tenant: TenantId, { size, note }: PublishedCheckpoint) =>
  worm.put(anchorNameOf(tenant, size), new TextEncoder().encode(note));

/** The copies behind those that the database knows of: there are some only when a process died, or the database is old. */
export async function* anchorsAfter(worm: WormStore, tenant: TenantId, size: number): AsyncGenerator<Checkpoint> {
  for await (const { name, size: named } of anchorNames(worm, tenant, size)) {
    const note = new TextDecoder().decode(await worm.get(name));
    const checkpoint = parseCheckpoint(note.slice(0, note.lastIndexOf('\n\n') + 1));
    if (!checkpoint || checkpoint.size !== named)
      throw new Fault('LedgerInconsistent', `${name} is no checkpoint of the size that it is named after`);
    yield checkpoint;
  }
}

/** A database that was put back from an older copy would go on differently from what the world has seen. */
export const olderThanAnchor = (tenant: TenantId, head: LedgerHead, anchor: Checkpoint): Fault =>
  new Fault(
    'LedgerInconsistent',
    `the database of ${tenant} has ${head.size} entries, and a checkpoint of ${anchor.size} was published: it is an older copy`,
  );
