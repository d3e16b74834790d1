import type { LedgerEntry } from '../core/ledger/entry.ts';
import type { ClaimRow } from '../core/ports/claim-store.ts';
import { type OciDigest, TenantId } from '../events/fields.ts';
import { type CaseResult, type DemoStores, entriesOfRun, type IndexedEntry, until } from './cases.ts';
import { IMAGES } from './inputs.ts';
import { type DemoSetup, type ENVIRONMENTS, OWN_TENANT, REGISTRY_HOST } from './setup.ts';

export interface PromotionContext {
  readonly setup: DemoSetup;
  readonly stores: DemoStores;
  /** A command of ours, as an operator would type it; gives its exit code and what it printed. */
  relseal(...args: readonly string[]): Promise<{ readonly code: number; readonly printed: string }>;
  /** Asks the server for a promotion as a command does, without the time that a process of its own takes. */
  request(image: { host: string; repository: string; digest: OciDigest; environment: string }): Promise<string>;
  /** Approves as another person than the one who types here. */
  approve(run: string): Promise<void>;
  /** Sends requests to the proxy of an environment until what it gives is called. */
  traffic(environment: string): () => void;
}

/** A promotion under way, with the traffic that it is judged by. */
export interface Promotion {
  readonly run: string;
  endTraffic(): void;
}

type Environment = (typeof ENVIRONMENTS)[keyof typeof ENVIRONMENTS]['name'];
/** Longest promotion of the demo: held for the ticks of its extension, then rolled back. */
const PATIENCE_MS = 60_000;

/** Asks for the promotion of the image that was signed. `typed`: by the command, as an operator would. */
export async function promote(context: PromotionContext, environment: Environment, typed = false): Promise<Promotion> {
  const { setup, traffic, request } = context;
  const endTraffic = traffic(environment);
  const { digest } = setup.inputs.images.good;
  const image = { host: REGISTRY_HOST, repository: IMAGES.good.repository, digest, environment };
  return { run: typed ? await typePromote(context, image) : await request(image), endTraffic };
}

type Asked = Parameters<PromotionContext['request']>[0];

async function typePromote({ setup, relseal }: PromotionContext, { host, repository, digest, environment }: Asked) {
  const image = `${host}/${repository}@${digest}`;
  const words = ['promote', image, '--environment', environment, '--tenant', OWN_TENANT, '--data', setup.data];
  const { code, printed } = await relseal(...words);
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
  const { setup, stores, relseal, approve } = context;
  await until('request for approval', async () => {
    const [waiting] = await stores.waits.listOpen(TenantId.parse(OWN_TENANT), 'approval', 1);
    return waiting;
  });
  const answer = await relseal('approve', run, '--data', setup.data);
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
  { run, endTraffic }: Promotion,
  name: string,
  expected: { readonly status: string; readonly code?: string },
): Promise<CaseResult> {
  const claim = await until(`end of ${run}`, () => claimNamed(context, run), PATIENCE_MS);
  endTraffic();
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
export const watched = ({ stores }: PromotionContext, { run }: Promotion) =>
  until(`first tick of ${run}`, async () => {
    const entries = await entriesOfRun(stores, TenantId.parse(OWN_TENANT), run);
    return entries.find(({ entry }) => entry.kind === 'tick');
  });
