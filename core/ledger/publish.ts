import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { LedgerHead, PublishedCheckpoint } from '../ports/ledger-store.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import { defineTask, RunContext } from '../task.ts';
import { formatCheckpoint } from '../tlog/checkpoint.ts';
import { edgeOf, rootOfEdge } from '../tlog/merkle.ts';
import { formatNote, formatSignatureLine, verifierKeyOf, verifyNoteSignature } from '../tlog/note.ts';
import { bundlePath, encodeBundle, TILE_WIDTH, tileHashReader, tilePath } from '../tlog/tile.ts';
import { fromHex, toHex } from './hex.ts';
import { computeTile, entriesOf, keepLogFile, type LogDeps, readTile } from './log-tiles.ts';

export interface PublishDeps extends LogDeps {
  readonly noteSigner: NoteSigner;
  /** Name of a tenant's log and of its key. */
  originOf(tenant: TenantId): string;
}

/** Stores the bundles and tiles that filled up between two sizes; storing one again changes nothing. */
async function keepFullTiles(deps: LogDeps, tenant: TenantId, from: number, to: number): Promise<void> {
  for (let level = 0, span = TILE_WIDTH; span <= to; level += 1, span *= TILE_WIDTH)
    for (let index = Math.floor(from / span); index < Math.floor(to / span); index += 1) {
      if (level === 0) {
        const entries = await entriesOf(deps, tenant, index * TILE_WIDTH, TILE_WIDTH);
        await keepLogFile(deps.worm, tenant, bundlePath(index, TILE_WIDTH), encodeBundle(entries));
      }
      const tile = { level, index, width: TILE_WIDTH };
      await keepLogFile(deps.worm, tenant, tilePath(tile), await computeTile(deps, tenant, tile));
    }
}

const rootAt = async (deps: LogDeps, tenant: TenantId, size: number) =>
  toHex(
    rootOfEdge(
      await edgeOf(
        size,
        tileHashReader(size, (tile) => readTile(deps, tenant, tile)),
      ),
    ),
  );

/** Checks that the head and what was published before are two sizes of one tree, from the leaves up. */
async function requireExtension(
  deps: LogDeps,
  tenant: TenantId,
  head: LedgerHead,
  published: PublishedCheckpoint | undefined,
): Promise<void> {
  if ((await rootAt(deps, tenant, head.size)) !== head.root)
    throw new Fault('LedgerInconsistent', 'the entries do not lead to the root of the head');
  if (published && (await rootAt(deps, tenant, published.size)) !== published.root)
    throw new Fault('LedgerInconsistent', 'the head does not extend the published checkpoint');
}

async function signHead({ noteSigner, originOf }: PublishDeps, tenant: TenantId, head: LedgerHead): Promise<string> {
  const origin = originOf(tenant);
  const text = formatCheckpoint({ origin, size: head.size, root: fromHex(head.root) });
  const key = verifierKeyOf(origin, await noteSigner.publicKey());
  const signature = await noteSigner.sign(new TextEncoder().encode(text));
  if (!verifyNoteSignature(key, text, signature))
    throw new Fault('SignerRefused', 'the log key made a signature that its public key does not verify');
  return formatNote(text, [formatSignatureLine(key, signature)]);
}

/**
 * Publishes what is committed: full tiles and bundles, then the signed checkpoint. Everything is a function of the
 * committed entries and Ed25519 is deterministic, so running it again after a crash writes the same bytes. A head that is
 * not a continuation of the published checkpoint is never signed: `LedgerInconsistent`.
 */
export async function publishCheckpoint(deps: PublishDeps, tenant: TenantId): Promise<{ size: number }> {
  // Published first: a head read after it can only be further on.
  const published = await deps.ledger.published(tenant);
  const head = await deps.ledger.head(tenant);
  const from = published?.size ?? 0;
  if (head.size < from) throw new Fault('LedgerInconsistent', 'the head is behind the published checkpoint');
  if (head.size === from) {
    if (published && published.root !== head.root)
      throw new Fault('LedgerInconsistent', 'the head is another tree than the published checkpoint');
    return { size: from };
  }
  await keepFullTiles(deps, tenant, from, head.size);
  await requireExtension(deps, tenant, head, published);
  const note = await signHead(deps, tenant, head);
  try {
    await deps.ledger.savePublished(tenant, { size: head.size, root: head.root, note }, from);
  } catch (error) {
    const other = isFault(error, 'LedgerConflict') ? await deps.ledger.published(tenant) : undefined;
    if (!other || other.size < head.size) throw error;
    return { size: other.size };
  }
  return { size: head.size };
}

/** The step of the checkpoint machine. */
export const publishCheckpointTask = defineTask<
  PublishDeps,
  { step: 'publish-checkpoint'; run: RunContext },
  { size: number }
>({
  step: 'publish-checkpoint',
  input: z.strictObject({ step: z.literal('publish-checkpoint'), run: RunContext }),
  output: z.strictObject({ size: z.int().nonnegative() }),
  run: (deps, { run }) => publishCheckpoint(deps, run.tenant),
});
