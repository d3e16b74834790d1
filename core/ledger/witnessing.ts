import type { TenantId } from '../../events/fields.ts';
import { Fault } from '../faults.ts';
import type { PublishedCheckpoint, SignedCheckpoint } from '../ports/ledger-store.ts';
import type { Witness } from '../ports/witness.ts';
import { isQuorumMet, type LogPolicy } from '../tlog/log-policy.ts';
import { consistencyProof } from '../tlog/merkle.ts';
import { type Cosignature, formatVerifierKey } from '../tlog/note.ts';
import { tileHashReader } from '../tlog/tile.ts';
import { acceptedCosignatures, formatAddCheckpoint, withCosignatures } from '../tlog/witness.ts';
import { type LogDeps, readTile } from './log-tiles.ts';
import type { WitnessState } from './published.ts';

/** Cosignatures of witnesses under our checkpoints: that everybody is shown the same log is theirs to say. */

/** Whom a log asks, and how many of them make a checkpoint of it valid. */
export interface Witnessing {
  readonly policy: LogPolicy;
  readonly witnesses: readonly Witness[];
  /** Those whose memory was compared with the log since this process began; whoever publishes adds to it. */
  readonly compared: Set<Witness>;
}

interface Asked extends WitnessState {
  readonly cosignatures: readonly Cosignature[];
}

const nameOf = ({ key }: Witness): string => formatVerifierKey(key);

/** Its memory is the better one: where it remembers another size it is asked once more, from there. */
const ATTEMPTS = 2;

/** A witness that knows more was asked by a publisher who is further on by now, or by one whose entries are gone here. */
async function whoIsAhead({ ledger }: LogDeps, tenant: TenantId, size: number): Promise<Asked> {
  const { size: reached = 0, rebuilt = 0 } = (await ledger.published(tenant)) ?? {};
  return { size, answer: size > Math.max(reached, rebuilt) ? 'ahead' : 'conflict', cosignatures: [] };
}

async function ask(
  deps: LogDeps,
  tenant: TenantId,
  { size, note, witnesses }: PublishedCheckpoint,
  witness: Witness,
): Promise<Asked> {
  const read = tileHashReader(size, (tile) => readTile(deps, tenant, tile));
  const known = witnesses?.[nameOf(witness)]?.size ?? 0;
  let [oldSize, answer] = [Math.min(known, size), 'silent' as WitnessState['answer']];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const path = await consistencyProof(oldSize, size, read);
    const answered = await witness.addCheckpoint(formatAddCheckpoint({ oldSize, path, note }));
    if (answered?.kind === 'cosigned') {
      const cosignatures = acceptedCosignatures(note, answered.signatureLines, [witness.key]);
      return cosignatures.length > 0
        ? { size, answer: 'cosigned', cosignatures }
        : { size: oldSize, answer: 'silent', cosignatures };
    }
    answer = answered?.kind ?? 'silent';
    if (answered?.kind !== 'conflict') break;
    if (answered.size > size) return whoIsAhead(deps, tenant, answered.size);
    oldSize = answered.size;
  }
  return { size: oldSize, answer, cosignatures: [] };
}

const olderThanWitnessed = (tenant: TenantId, witness: Witness, { size }: Asked): Fault =>
  new Fault(
    'LedgerInconsistent',
    `witness ${witness.key.name} cosigned ${size} entries of ${tenant}, more than were published: the database is an older copy`,
  );

/**
 * Refuses to go on from a database that knows less of the log than a witness has cosigned. Each witness is asked once in
 * the life of a process, about what is published already: databases are put back while nobody has them open.
 */
export async function requireWitnesses(
  deps: LogDeps,
  tenant: TenantId,
  published: PublishedCheckpoint,
  { witnesses, compared }: Witnessing,
): Promise<void> {
  const isAhead = (witness: Witness) => published.witnesses?.[nameOf(witness)]?.answer === 'ahead';
  const open = witnesses.filter((witness) => !compared.has(witness) || isAhead(witness));
  const asked = await Promise.all(
    open.map(async (witness) => ({ witness, answer: await ask(deps, tenant, published, witness) })),
  );
  for (const { witness, answer } of asked)
    if (answer.answer === 'ahead') throw olderThanWitnessed(tenant, witness, answer);
  for (const witness of open) compared.add(witness);
}

export interface Witnessed {
  /** With the lines of all who cosigned; absent where they were too few. */
  readonly checkpoint?: SignedCheckpoint;
  /** Of all that are asked, by verifier key; those that have not answered yet as they were. */
  readonly witnesses: Readonly<Record<string, WitnessState>>;
}

function witnessedBy(
  { size, root, note, witnesses: before }: PublishedCheckpoint,
  { policy, witnesses }: Witnessing,
  asked: ReadonlyMap<Witness, Asked>,
): Witnessed {
  const cosignatures = witnesses.flatMap((witness) => asked.get(witness)?.cosignatures ?? []);
  const signers = cosignatures.map(({ key }) => key);
  const states = witnesses.flatMap((witness) => {
    const state = asked.get(witness) ?? before?.[nameOf(witness)];
    return state ? [[nameOf(witness), { size: state.size, answer: state.answer }] as const] : [];
  });
  return {
    ...(isQuorumMet(policy, signers) ? { checkpoint: { size, root, note: withCosignatures(note, cosignatures) } } : {}),
    witnesses: Object.fromEntries(states),
  };
}

/**
 * Asks every witness at once and keeps what they said: as soon as enough have cosigned, so that a slow one holds nothing
 * up, and when all have answered. `LedgerInconsistent` where one has cosigned more than was published.
 */
export async function askWitnesses(
  deps: LogDeps,
  tenant: TenantId,
  published: PublishedCheckpoint,
  witnessing: Witnessing,
  keep: (witnessed: Witnessed) => Promise<unknown>,
): Promise<void> {
  const asked = new Map<Witness, Asked>();
  let isEnough = false;
  const outcomes = witnessing.witnesses.map(async (witness) => {
    asked.set(witness, await ask(deps, tenant, published, witness));
    const witnessed = witnessedBy(published, witnessing, asked);
    const isLast = asked.size === witnessing.witnesses.length;
    if (!isLast && (isEnough || !witnessed.checkpoint)) return;
    isEnough = true;
    await keep(witnessed);
  });
  await Promise.all(outcomes);
  for (const [witness, answer] of asked)
    if (answer.answer === 'ahead') throw olderThanWitnessed(tenant, witness, answer);
}
