import type { LedgerEntry } from '../core/ledger/entry.ts';
import type { ClaimRow } from '../core/ports/claim-store.ts';
import { TenantId } from '../events/fields.ts';
import { type CaseResult, type DemoStores, entriesOfRun, type IndexedEntry, until } from './cases.ts';
import { IMAGES } from './inputs.ts';
import { type DemoSetup, type ENVIRONMENTS, OWN_TENANT, REGISTRY_HOST } from './setup.ts';

export interface PromotionContext {
  readonly setup: DemoSetup;
  readonly stores: DemoStores;
  /** A command of ours, as an operator would type it; gives its exit code and what it printed. */
  relseal(...args: readonly string[]): Promise<{ readonly code: number; readonly printed: string }>;
  /** Approves as another person than the one who types here. */
  approve(run: string): Promise<void>;
}

type Environment = (typeof ENVIRONMENTS)[keyof typeof ENVIRONMENTS]['name'];
/** Longest promotion of the demo: held for the ticks of its extension, then rolled back. */
const PATIENCE_MS = 60_000;

/** Asks for the promotion of the image that was signed; gives the name of its run. */
export async function promote({ setup, relseal }: PromotionContext, environment: Environment): Promise<string> {
  const image = `${REGISTRY_HOST}/${IMAGES.good.repository}@${setup.inputs.images.good.digest}`;
  const asked = ['promote', image, '--environment', environment, '--tenant', OWN_TENANT, '--data', setup.data];
  const { code, printed } = await relseal(...asked);
  const [, run] = /^(promotion-[0-9a-f]{40}) started$/m.exec(printed) ?? [];
  if (code !== 0 || run === undefined) throw new Error(`relseal promote ended with ${code}: ${printed}`);
  return run;
}

const claimNamed = async ({ stores }: PromotionContext, run: string): Promise<ClaimRow | undefined> => {
  const claim = await stores.claims.byRun(run);
  return claim && claim.status !== 'running' ? claim : undefined;
};

/** A promotion that waits for approval, refused to the one who asked and given by another person. */
export async function approvalCase(context: PromotionContext, run: string): Promise<CaseResult> {
  const { setup, relseal, approve } = context;
  const answer = await until('request for approval', async () => {
    const asked = await relseal('approve', run, '--data', setup.data);
    return asked.printed.includes('approval.not-open') ? undefined : asked;
  });
  const [code = ''] = /approval\.[a-z-]+/.exec(answer.printed) ?? [];
  await approve(run);
  return {
    name: 'its approval by the one who asked',
    expected: 'exit 1',
    found: `exit ${answer.code}`,
    code,
    index: undefined,
  };
}

const DECIDING: readonly LedgerEntry['kind'][] = ['promotion.closed', 'fault'];
const isDeciding = ({ entry }: IndexedEntry) =>
  DECIDING.includes(entry.kind) || (entry.kind === 'tick' && entry.outcome === 'refuse');

/** The row of a promotion that ended: its status, and when it was rolled back, that the rollback restored the target. */
export async function promotionRow(
  context: PromotionContext,
  run: string,
  name: string,
  expected: { readonly status: string; readonly code?: string },
): Promise<CaseResult> {
  const claim = await until(`end of ${run}`, () => claimNamed(context, run), PATIENCE_MS);
  const decided = (await entriesOfRun(context.stores, OWN_TENANT, run)).findLast(isDeciding);
  const codes = (decided?.entry.reasons ?? []).map(({ code, found }) =>
    decided?.entry.kind === 'fault' ? (found ?? code) : code,
  );
  const restored = claim.status === 'passed' ? undefined : await rollbackOf(context, claim);
  return {
    name,
    expected: expected.status,
    found: claim.status === 'passed' || restored ? claim.status : 'not restored',
    code: expected.code !== undefined && codes.includes(expected.code) ? expected.code : codes.join(' '),
    index: restored?.index ?? decided?.index,
  };
}

/** The entry that says that the target is back, from the one rollback that a promotion may have. */
async function rollbackOf(context: PromotionContext, { businessKey }: ClaimRow): Promise<IndexedEntry | undefined> {
  const run = `rollback-${businessKey.slice(0, 40)}`;
  await until(`end of ${run}`, () => claimNamed(context, run), PATIENCE_MS);
  const entries = await entriesOfRun(context.stores, OWN_TENANT, run);
  const completed = entries.filter(({ entry }) => entry.kind === 'rollback.completed');
  return completed.length === 1 ? completed[0] : undefined;
}

/** Whether a promotion has come to its stages, where it is judged tick by tick. */
export const watched = ({ stores }: PromotionContext, run: string) =>
  until(`first tick of ${run}`, async () => {
    const entries = await entriesOfRun(stores, TenantId.parse(OWN_TENANT), run);
    return entries.find(({ entry }) => entry.kind === 'tick');
  });
