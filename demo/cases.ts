import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { type LedgerEntry, parseEntry } from '../core/ledger/entry.ts';
import type { ClaimRow, ClaimStore } from '../core/ports/claim-store.ts';
import type { DeliveryStore } from '../core/ports/delivery-store.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { WaitStore } from '../core/ports/wait-store.ts';
import { TenantId } from '../events/fields.ts';
import { STARTED_BY } from '../statemachines/catalog.ts';
import type { SignedDelivery } from './deliveries.ts';

/** One row of the demo's table. */
export interface CaseResult {
  readonly name: string;
  readonly expected: string;
  readonly found: string;
  readonly code: string;
  /** Ledger index of the deciding entry. */
  readonly index: number | undefined;
}

/** What the demo reads to judge: the stores the server writes, opened beside it. */
export interface DemoStores {
  readonly deliveries: DeliveryStore;
  readonly claims: ClaimStore;
  readonly ledger: LedgerStore;
  readonly waits: WaitStore;
}

const Answer = z.looseObject({ outcome: z.string().optional(), code: z.string().nullish() });

export interface Posted {
  readonly status: number;
  readonly outcome: string;
  readonly code: string;
}

export async function post(url: string, delivery: SignedDelivery): Promise<Posted> {
  const response = await fetch(`${url}${delivery.path}`, {
    method: 'POST',
    headers: { ...delivery.headers },
    body: delivery.body,
    signal: AbortSignal.timeout(10_000),
  });
  const answer = Answer.safeParse(await response.json().catch(() => ({})));
  return {
    status: response.status,
    outcome: answer.data?.outcome ?? '',
    code: answer.data?.code ?? '',
  };
}

/** Polls until there is an answer. Throws with `what` when there is none in time. */
export async function until<T>(what: string, read: () => Promise<T | undefined>, limitMs = 30_000): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const found = await read();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`no ${what} within ${limitMs / 1000} s`);
    await delay(25);
  }
}

/** The claim that a delivery led to, whatever its state; `undefined` while there is none. */
export async function claimOf(
  stores: DemoStores,
  tenant: string,
  delivery: SignedDelivery,
): Promise<ClaimRow | undefined> {
  const [, , provider = '', instance = ''] = delivery.path.split('/');
  const row = await stores.deliveries.get(TenantId.parse(tenant), `${provider}/${instance}/${delivery.id}`);
  const [event] = row?.events ?? [];
  if (!row || !event) return undefined;
  const machine = STARTED_BY[event.type.slice('dev.relseal.'.length, -'.v1'.length)];
  return machine === undefined ? undefined : stores.claims.get(row.tenant, event.businesskey, machine);
}

/** Waits for the outcome of the run that a delivery started; a failed one counts as an outcome too. */
export const settled = (stores: DemoStores, tenant: string, delivery: SignedDelivery): Promise<ClaimRow> =>
  until('outcome', async () => {
    const claim = await claimOf(stores, tenant, delivery);
    return claim && claim.status !== 'running' ? claim : undefined;
  });

export interface IndexedEntry {
  readonly index: number;
  readonly entry: LedgerEntry;
}

/** Entries of one run, in order. */
export async function entriesOfRun(stores: DemoStores, tenant: string, run: string): Promise<IndexedEntry[]> {
  const all = await stores.ledger.entries(TenantId.parse(tenant), 0, 100_000);
  return all
    .map((bytes, index) => ({ index, entry: parseEntry(bytes) }))
    .filter(({ entry }) => entry.run?.name === run);
}

/** The row of a run that ended: its deciding entry is the verdict, or the fault when it failed. */
export async function rowOf(
  stores: DemoStores,
  tenant: string,
  claim: ClaimRow,
  name: string,
  expected: { readonly status: string; readonly code?: string },
): Promise<CaseResult> {
  const entries = await entriesOfRun(stores, tenant, claim.runName);
  const decided = entries.findLast(({ entry }) => entry.kind === 'verdict' || entry.kind === 'fault');
  // A refusal is known by its code, a fault by the name it failed with.
  const codes = (decided?.entry.reasons ?? []).map(({ code, found }) =>
    decided?.entry.kind === 'fault' ? found : code,
  );
  const wanted = expected.code;
  return {
    name,
    expected: expected.status,
    found: claim.status,
    code: wanted !== undefined && codes.includes(wanted) ? wanted : codes.join(' '),
    index: decided?.index,
  };
}
