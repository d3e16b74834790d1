import { expect } from 'vitest';
import { isFault } from '../../core/faults.ts';
import { type AppendDeps, appendEntries } from '../../core/ledger/append.ts';
import { type EntryDraft, parseEntry } from '../../core/ledger/entry.ts';
import { groupCommit } from '../../core/ledger/group-commit.ts';
import { toHex } from '../../core/ledger/hex.ts';
import { type PublishDeps, publishCheckpoint } from '../../core/ledger/publish.ts';
import { readLogResource } from '../../core/ledger/read.ts';
import { verifyLog } from '../../core/ledger/verify.ts';
import type { LedgerStore } from '../../core/ports/ledger-store.ts';
import type { WormStore } from '../../core/ports/worm-store.ts';
import { leafHash } from '../../core/tlog/merkle.ts';
import { verifierKeyOf } from '../../core/tlog/note.ts';
import type { TenantId } from '../../events/fields.ts';
import { fixedClock } from '../fakes/fixed-clock.ts';
import { memoryNoteSigner } from '../fakes/memory-signers.ts';
import { draftOf } from './ledger-drafts.ts';

export const ORIGIN = 'ledger.example.com/acme';
export const noteSigner = memoryNoteSigner();

export interface LedgerPorts {
  readonly ledger: LedgerStore;
  readonly worm: WormStore;
}
type Deps = AppendDeps & PublishDeps;

export const depsOf = (ports: LedgerPorts): Deps => ({
  ...ports,
  clock: fixedClock(),
  noteSigner,
  originOf: () => ORIGIN,
});

/** Entries that a log has before the history below: it then fills a bundle and a tile. */
export const BASE = 252;

export async function growBase(ports: LedgerPorts, tenant: TenantId): Promise<void> {
  const deps = depsOf(ports);
  const drafts = Array.from({ length: BASE }, (_, at) => draftOf(`base-${at}`, `r${at % 3}`));
  await appendEntries(deps, tenant, drafts);
  await publishCheckpoint(deps, tenant);
}

/** Where each entry was said to be when its append was answered. */
type Acknowledged = Map<string, { readonly index: number; readonly leaf: string }>;

const idOf = ({ content }: EntryDraft) => content.subjects?.[0]?.name ?? '';

type Step = (deps: Deps, tenant: TenantId, acknowledged: Acknowledged) => Promise<void>;

const append =
  (...drafts: EntryDraft[]): Step =>
  async (deps, tenant, acknowledged) => {
    const { entries } = await appendEntries(deps, tenant, drafts);
    for (const [at, { index, leaf }] of entries.entries())
      acknowledged.set(idOf(drafts[at] ?? draftOf('')), { index, leaf });
  };
const together =
  (...drafts: EntryDraft[]): Step =>
  async (deps, tenant, acknowledged) => {
    const commit = groupCommit(deps);
    const answers = await Promise.allSettled(
      drafts.map(async (draft) => [draft, await commit(tenant, [draft])] as const),
    );
    for (const answer of answers) {
      if (answer.status === 'rejected') throw answer.reason;
      const [draft, { entries }] = answer.value;
      for (const { index, leaf } of entries) acknowledged.set(idOf(draft), { index, leaf });
    }
  };
const publish: Step = async (deps, tenant) => {
  await publishCheckpoint(deps, tenant);
};

const [a, b, c] = [draftOf('a', 'r0'), draftOf('b', 'r1'), draftOf('c', 'r0')];
const HISTORY: readonly Step[] = [
  append(a, b),
  append(b, c),
  together(draftOf('d', 'r1'), draftOf('e', 'new'), draftOf('f', 'r0')),
  publish,
  append(draftOf('g', 'new'), a),
  publish,
];
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];

/** Processes on the same stores, the first of which may die. */
export interface Processes {
  readonly first: LedgerPorts;
  readonly plan: { readonly dead: boolean };
  next(): LedgerPorts;
}

/**
 * Does the history, each step until it is answered: after a fault as its caller would, after a death in the next process.
 * Returns what was acknowledged.
 */
export async function live({ first, plan, next }: Processes, tenant: TenantId): Promise<Acknowledged> {
  const acknowledged: Acknowledged = new Map();
  let deps = depsOf(first);
  for (const step of HISTORY)
    for (let attempt = 0; ; attempt += 1)
      try {
        await step(deps, tenant, acknowledged);
        break;
      } catch (error) {
        if (attempt === 3 || !(plan.dead || isFault(error, 'StoreUnavailable'))) throw error;
        if (plan.dead) deps = depsOf(next());
      }
  return acknowledged;
}

/** That each segment of the chain is in write-once storage, which holds all entries then, is a promise of its own. */
async function chainedEntries({ ledger, worm }: LedgerPorts, tenant: TenantId): Promise<string[]> {
  const names: string[] = [];
  for await (const name of worm.list(`t/${tenant}/seg/`)) names.push(name);
  const entries: string[] = [];
  for (let { batchHash } = await ledger.head(tenant); batchHash !== ''; ) {
    const bytes = await worm.get(names.find((name) => name.endsWith(batchHash)) ?? '');
    const segment = JSON.parse(Buffer.from(bytes ?? []).toString());
    entries.unshift(...segment.entries);
    batchHash = segment.previousBatchHash;
  }
  return entries;
}

/** Checks that nothing is missing, doubled or elsewhere than was said, and that the published log verifies as a whole. */
export async function checkLedger(ports: LedgerPorts, tenant: TenantId, acknowledged: Acknowledged): Promise<void> {
  const size = BASE + NAMES.length;
  const entries = await ports.ledger.entries(tenant, 0, 2 * size);
  const names = entries.map((bytes) => parseEntry(bytes).subjects?.[0]?.name ?? '');
  expect(names.slice(0, BASE)).toEqual(Array.from({ length: BASE }, (_, at) => `base-${at}`));
  expect(names.slice(BASE).toSorted()).toEqual(NAMES);
  expect([...acknowledged.keys()].toSorted()).toEqual(NAMES);
  for (const [name, { index, leaf }] of acknowledged)
    expect([name, toHex(leafHash(entries[index] ?? new Uint8Array()))]).toEqual([names[index], leaf]);
  const inSegments = await chainedEntries(ports, tenant);
  expect(inSegments.map((entry) => Buffer.from(entry, 'base64').toString())).toEqual(
    entries.map((bytes) => Buffer.from(bytes).toString()),
  );
  const read = async (path: string) => (await readLogResource(ports, tenant, path))?.bytes;
  const report = await verifyLog(read, verifierKeyOf(ORIGIN, await noteSigner.publicKey()));
  expect(report).toMatchObject({ size, entries: size, problems: [] });
}
