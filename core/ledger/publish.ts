import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { Fault, isFault } from '../faults.ts';
import type { Clock } from '../ports/clock.ts';
import type { LedgerHead, PublishedCheckpoint } from '../ports/ledger-store.ts';
import type { NoteSigner } from '../ports/note-signer.ts';
import { defineTask, RunContext } from '../task.ts';
import { formatCheckpoint } from '../tlog/checkpoint.ts';
import { edgeOf, rootOfEdge } from '../tlog/merkle.ts';
import { formatNote, formatSignatureLine, verifierKeyOf, verifyNoteSignature } from '../tlog/note.ts';
import { bundlePath, encodeBundle, TILE_WIDTH, tileHashReader, tilePath } from '../tlog/tile.ts';
import { anchorsAfter, isAnchorDue, olderThanAnchor, putAnchor } from './anchors.ts';
import type { EntryDraft } from './entry.ts';
import { fromHex, toHex } from './hex.ts';
import { computeTile, entriesOf, keepLogFile, type LogDeps, readTile } from './log-tiles.ts';
import { checkpointDraft, META_LOG } from './meta-log.ts';
import { shownOf, shownSize } from './published.ts';
import { askWitnesses, requireWitnesses, type Witnessed, type Witnessing } from './witnessing.ts';

export interface PublishDeps extends LogDeps {
  readonly noteSigner: NoteSigner;
  readonly clock: Pick<Clock, 'now'>;
  /** Name of a tenant's log and of its key. */
  originOf(tenant: TenantId): string;
  /** Who is asked to cosign; nobody where it is absent or says nothing. */
  witnessingOf?(tenant: TenantId): Witnessing | undefined;
  /** Appends to the log of logs; there is none where it is absent. */
  appendMeta?(drafts: readonly EntryDraft[]): Promise<unknown>;
}

/** Stores the bundles and tiles that filled up between two sizes; storing one again changes nothing. */
export async function keepFullTiles(deps: LogDeps, tenant: TenantId, from: number, to: number): Promise<void> {
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

/** Refuses to go on from a database that does not know, or contradicts, what was published. */
async function requireAnchors(
  deps: LogDeps,
  tenant: TenantId,
  head: LedgerHead,
  published: PublishedCheckpoint | undefined,
): Promise<void> {
  for await (const anchor of anchorsAfter(deps.worm, tenant, published?.anchored?.size ?? 0)) {
    if (anchor.size > head.size) throw olderThanAnchor(tenant, head, anchor);
    if ((await rootAt(deps, tenant, anchor.size)) !== toHex(anchor.root))
      throw new Fault(
        'LedgerInconsistent',
        `the entries contradict the checkpoint of ${anchor.size} that was published`,
      );
  }
}

/** How often what others saved meanwhile is read again. */
const SAVES = 5;

/**
 * Saves what `change` makes of what is published, if anything: of `known`, or of what another publisher has saved by now.
 */
async function savePublished(
  { ledger }: LogDeps,
  tenant: TenantId,
  known: PublishedCheckpoint | undefined,
  change: (current: PublishedCheckpoint | undefined) => PublishedCheckpoint | undefined,
): Promise<PublishedCheckpoint | undefined> {
  let current = known;
  for (let attempt = 1; ; attempt += 1) {
    const next = change(current);
    if (!next) return current;
    try {
      await ledger.savePublished(tenant, next, current?.size ?? 0);
      return next;
    } catch (error) {
      if (attempt === SAVES || !isFault(error, 'LedgerConflict')) throw error;
      current = await ledger.published(tenant);
    }
  }
}

/** What goes on being shown until enough witnesses have cosigned something newer; with nobody to ask the checkpoint itself is. */
const shownUntilThen = (current: PublishedCheckpoint | undefined, witnessing: Witnessing | undefined) =>
  witnessing
    ? { witnesses: current?.witnesses ?? {}, served: shownOf(current) }
    : { witnesses: undefined, served: undefined };

/** Asks the witnesses, if any, unless enough of them have cosigned this checkpoint. */
async function showWitnessed(deps: PublishDeps, tenant: TenantId, published: PublishedCheckpoint): Promise<void> {
  const witnessing = deps.witnessingOf?.(tenant);
  // Read again: while witnesses are asked, others save what they were answered.
  const change = async (witnessed?: Witnessed) =>
    savePublished(deps, tenant, await deps.ledger.published(tenant), (current) => {
      if (!current) return undefined;
      const until = shownUntilThen(current, witnessing);
      if (!witnessed) return { ...current, ...until };
      const { checkpoint } = witnessed;
      const served = checkpoint && checkpoint.size >= shownSize(current) ? checkpoint : until.served;
      return { ...current, witnesses: witnessed.witnesses, served };
    });
  if (witnessing && !(published.witnesses && published.served?.size === published.size))
    await askWitnesses(deps, tenant, published, witnessing, change);
  if (!witnessing && published.witnesses) await change();
}

/**
 * What a signed checkpoint is good for besides: its copy, its entry in the log of logs, and the cosignatures of witnesses.
 * A process that dies in between leaves it to the next publication, which `startCheckpoint` sees to.
 */
async function followUp(deps: PublishDeps, tenant: TenantId, published: PublishedCheckpoint): Promise<void> {
  const now = deps.clock.now();
  if (isAnchorDue(published, now)) {
    await putAnchor(deps.worm, tenant, published);
    if (tenant !== META_LOG) await deps.appendMeta?.([checkpointDraft(deps.originOf(tenant), published)]);
    const anchored = { size: published.size, at: now };
    await savePublished(deps, tenant, published, (current) =>
      current && (current.anchored?.size ?? 0) < anchored.size ? { ...current, anchored } : undefined,
    );
  }
  await showWitnessed(deps, tenant, published);
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
  if (published && head.size === from && published.root !== head.root)
    throw new Fault('LedgerInconsistent', 'the head is another tree than the published checkpoint');
  await requireAnchors(deps, tenant, head, published);
  const newest = head.size === from ? published : await signNext(deps, tenant, head, published);
  if (newest) await followUp(deps, tenant, newest);
  return { size: newest?.size ?? 0 };
}

/** Signs the head as the checkpoint after `published`; where another publisher came at least as far, theirs is kept. */
async function signNext(
  deps: PublishDeps,
  tenant: TenantId,
  head: LedgerHead,
  published: PublishedCheckpoint | undefined,
): Promise<PublishedCheckpoint | undefined> {
  const from = published?.size ?? 0;
  const witnessing = deps.witnessingOf?.(tenant);
  if (published && witnessing) await requireWitnesses(deps, tenant, published, witnessing);
  await keepFullTiles(deps, tenant, from, head.size);
  await requireExtension(deps, tenant, head, published);
  const signed = { size: head.size, root: head.root, note: await signHead(deps, tenant, head) };
  return savePublished(deps, tenant, published, (current) => {
    const at = current?.size ?? 0;
    if (at >= head.size) return undefined;
    if (at !== from) throw new Fault('LedgerConflict', `another publisher came to ${at} entries meanwhile`);
    return { ...current, ...signed, ...shownUntilThen(current, witnessing) };
  });
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
