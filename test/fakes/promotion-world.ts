import type * as z from 'zod';
import { keepReport } from '../../core/check.ts';
import { EnvironmentConfig } from '../../core/config.ts';
import { type EvidenceRef, keepJsonEvidence } from '../../core/evidence.ts';
import { decideGate } from '../../core/gate/decide-gate.ts';
import { appendEntries } from '../../core/ledger/append.ts';
import { type EntryDraft, parseEntry } from '../../core/ledger/entry.ts';
import { toHex } from '../../core/ledger/hex.ts';
import type { LedgerRecord } from '../../core/ledger/record.ts';
import { appendLedger } from '../../core/ledger/task.ts';
import type { ClaimRow } from '../../core/ports/claim-store.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { TokenAnswer, Workflows } from '../../core/ports/workflows.ts';
import { checkRelease } from '../../core/promotion/check-release.ts';
import { claimPromotion } from '../../core/promotion/claim-promotion.ts';
import { planPromotion } from '../../core/promotion/plan-promotion.ts';
import {
  businessKeyOf,
  type ImageSubject,
  type PromotionSubject,
  RunInput,
  type RunSubject,
  runNameOf,
} from '../../core/runs/run-input.ts';
import { RunContext, runTask, type Task } from '../../core/task.ts';
import { leafHash } from '../../core/tlog/merkle.ts';
import { OciDigest, TenantId } from '../../events/fields.ts';
import { fixedClock } from './fixed-clock.ts';
import { memoryClaimStore } from './memory-claim-store.ts';
import { memoryLedgerStore } from './memory-ledger-store.ts';
import { memoryMetricSource } from './memory-metric-source.ts';
import { memoryRolloutTarget } from './memory-rollout-target.ts';
import { memoryTargetLocks } from './memory-target-locks.ts';
import { memoryWaitStore } from './memory-wait-store.ts';
import { memoryWormStore } from './memory-worm-store.ts';
import { SEED_SIGNALS } from './seed-signals.ts';

export const TENANT = TenantId.parse('acme');
const IMAGE = { host: 'registry.example.com', repository: 'acme/payments' } as const;
const digestOf = (letter: string) => OciDigest.parse(`sha256:${letter.repeat(64)}`);
/** What the target runs, what is promoted, and a revision that others promote. */
export const STABLE = digestOf('a');
export const NEXT = digestOf('b');
export const OTHER = digestOf('c');
export type Person = NonNullable<ClaimRow['actor']>;
export const ANA: Person = { id: 'ana', authenticated: 'local' };
export const BEN: Person = { id: 'ben', authenticated: 'local' };
export const CLEO: Person = { id: 'cleo', authenticated: 'local' };

const POLICY = `
schema: relseal.policy/1
name: p
gates:
  sign:
    rules:
      - {id: resolved, requires: resolve-image, message: m, fix: f, severity: high}
      - {id: inspected, requires: inspect-binaries, each: platform, message: m, fix: f, severity: high}
  promote:
    rules:
      - {id: claimed, requires: claim-promotion, message: m, fix: f, severity: high}
      - {id: released, requires: check-release, message: m, fix: f, severity: high}
      - {id: planned, requires: plan-promotion, message: m, fix: f, severity: high}
`;

export type EnvironmentChanges = Partial<z.input<typeof EnvironmentConfig>>;

/** An environment whose metrics are asked without a lag: a tick is about the instant that it is judged at. */
const environmentOf = (changes: EnvironmentChanges): EnvironmentConfig =>
  EnvironmentConfig.parse({
    name: 'production',
    repositories: [{ host: IMAGE.host, name: IMAGE.repository }],
    target: { kind: 'proxy', url: 'https://target.example.com', token: 'env:TARGET' },
    metrics: { kind: 'prometheus', url: 'https://metrics.example.com', lagSeconds: 0 },
    signals: [...SEED_SIGNALS],
    stages: [
      { weight: 10, ticks: 2 },
      { weight: 100, ticks: 3 },
    ],
    approvals: 0,
    ...changes,
  });

/** What is durable: all that one process leaves to the next. */
export function promotionStores<C extends Clock>(clock: C, revisions: readonly OciDigest[] = [STABLE, NEXT, OTHER]) {
  return {
    clock,
    ledger: memoryLedgerStore(),
    worm: memoryWormStore(),
    claims: memoryClaimStore(),
    waits: memoryWaitStore(),
    locks: memoryTargetLocks(),
    target: memoryRolloutTarget(revisions),
    metrics: memoryMetricSource(),
  };
}
export type PromotionStores = ReturnType<typeof promotionStores<Clock>>;

/** Answers that let every stage pass. */
export function healthy({ metrics }: Pick<PromotionStores, 'metrics'>): void {
  for (const { query } of SEED_SIGNALS) metrics.script(query, [['0.01']]);
}

type EngineCalls = Pick<Workflows, 'start' | 'sendTaskSuccess' | 'sendTaskHeartbeat'>;

/** Everything that the steps of a promotion ask for, on the stores as one process has them. */
export function promotionDeps(stores: PromotionStores, workflows: EngineCalls, changes: EnvironmentChanges = {}) {
  const environment = environmentOf(changes);
  const { target, metrics, ...ports } = stores;
  return {
    ...ports,
    workflows,
    append: (tenant: TenantId, drafts: readonly EntryDraft[]) => appendEntries(ports, tenant, drafts),
    environments: (_tenant: TenantId, name: string) => (name === environment.name ? environment : undefined),
    targets: async () => target,
    metricsOf: () => metrics,
    policies: async () => POLICY,
  };
}
export type PromotionDeps = ReturnType<typeof promotionDeps>;

const contextOf = (machine: string, subject: RunSubject, replay = 0): RunContext => {
  const businessKey = businessKeyOf(TENANT, subject);
  return RunContext.parse({ tenant: TENANT, businessKey, machine, name: runNameOf(machine, businessKey, replay) });
};

/** The claim of a run that somebody asked for. */
export function claimRowOf(machine: string, subject: RunSubject, actor: Person | undefined = ANA): ClaimRow {
  const { tenant, businessKey, name } = contextOf(machine, subject);
  return {
    tenant,
    businessKey,
    machine,
    runName: name,
    replay: 0,
    redrives: 0,
    status: 'running',
    claimedAt: '2026-01-02T03:04:05.000Z',
    eventId: 'request-1',
    ...(actor ? { actor } : {}),
    input: RunInput.parse({ schema: 'relseal.run/1', tenant, businessKey, subject }),
  };
}

export const recordOn = (deps: PromotionDeps, run: RunContext, state: string, records: readonly LedgerRecord[]) =>
  runTask(appendLedger, deps, { step: 'append-ledger', run, state, records });

/** How a digest stands on the ledger: what its sign gate said and what the look at its signature found. */
export interface Standing {
  readonly refused?: boolean;
  readonly signature?: 'verified' | 'bad' | 'unseen';
  /** Which replay of the run says so. */
  readonly replay?: number;
}

const imageOf = (digest: OciDigest): ImageSubject => ({ kind: 'image', ...IMAGE, digest, generation: 0 });
type Report = Parameters<typeof keepReport>[2];
const ABOUT = { subjects: [], reasons: [], evidence: [] };

/** Puts a look at the signature of a digest on the ledger, as that of a run's `replay`. */
export async function seeSignature(deps: PromotionDeps, digest: OciDigest, good: boolean, replay = 0): Promise<void> {
  const reasons = good ? [] : [{ code: 'signature.missing' }];
  const check = await keepReport(deps.worm, TENANT, { ...ABOUT, check: 'verify-signature', reasons, details: {} });
  await recordOn(deps, contextOf('image-release', imageOf(digest), replay), 'Record the verification', [
    { kind: 'check', step: 'verify-signature', check },
  ]);
}

/** Judges an image by the real sign gate and puts verdict and verification on the ledger, as `image-release` does. */
export async function releaseImage(deps: PromotionDeps, digest: OciDigest, standing: Standing = {}): Promise<void> {
  const { refused = false, signature = 'verified', replay = 0 } = standing;
  const subject = imageOf(digest);
  const run = contextOf('image-release', subject, replay);
  await deps.claims.claim({ ...claimRowOf('image-release', subject), status: refused ? 'refused' : 'passed' });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const image = await keepJsonEvidence(deps.worm, TENANT, 'image-manifest', {
    schema: 'relseal.image/1',
    repository: { host: IMAGE.host, name: IMAGE.repository },
    digest,
    mediaType,
    platforms: [{ name: 'linux/amd64', digest, mediaType, size: 1 }],
  });
  const keep = (report: Partial<Report> & Pick<Report, 'check'>) =>
    keepReport(deps.worm, TENANT, { ...ABOUT, details: { digest }, ...report });
  const checks = [
    await keep({ check: 'resolve-image', evidence: [image] }),
    await keep({ check: 'inspect-binaries', reasons: refused ? [{ code: 'binary.module-missing' }] : [] }),
  ];
  const asked = { step: 'decide-gate', run, gate: 'sign', subject, checks };
  const { verdict } = await runTask(decideGate, deps, asked);
  await recordOn(deps, run, 'Record the verdict', [
    { kind: 'verdict', step: 'decide-gate', gate: 'sign', subject, verdict },
  ]);
  if (signature !== 'unseen') await seeSignature(deps, digest, signature === 'verified', replay);
}

export async function entriesOf({ ledger }: Pick<PromotionStores, 'ledger'>) {
  const { size } = await ledger.head(TENANT);
  return (await ledger.entries(TENANT, 0, size)).map(parseEntry);
}

/** Tokens that are waited for as long as a test says so, and what was done with them. */
function openTokens() {
  const waiting = new Set<string>();
  const answers: { readonly token: string; readonly output: unknown }[] = [];
  const beats: string[] = [];
  return {
    waiting,
    answers,
    beats,
    sendTaskSuccess: async (token: string, output: unknown): Promise<TokenAnswer> => {
      if (!waiting.delete(token)) return 'gone';
      answers.push({ token, output });
      return 'accepted';
    },
    sendTaskHeartbeat: async (token: string): Promise<TokenAnswer> => {
      if (!waiting.has(token)) return 'gone';
      beats.push(token);
      return 'accepted';
    },
  };
}

/** Runs that were started, by name; none of them does anything. */
function startedRuns() {
  const started: string[] = [];
  return {
    started,
    start: async (_machine: string, name: string): Promise<'started' | 'exists'> => {
      if (started.includes(name)) return 'exists';
      started.push(name);
      return 'started';
    },
  };
}

export interface PromotionWorldOptions {
  readonly environment?: EnvironmentChanges;
  /** How the promoted digest stands; `false`: the ledger knows nothing of it. */
  readonly release?: Standing | false;
  /** Whether the target runs nothing yet. */
  readonly empty?: boolean;
}

/** The steps of one promotion, to be taken one by one on the deps of a process. */
function promotionSteps(deps: PromotionDeps, attempt: number) {
  const about = { ...IMAGE, digest: NEXT, environment: 'production' };
  const subject: PromotionSubject = { kind: 'promotion', ...about, attempt };
  const [run, rollback] = [contextOf('promotion', subject), contextOf('rollback', subject)];
  const step = <Input, Output>(task: Task<PromotionDeps, Input, Output>, more: object = {}, own = deps) =>
    runTask(task, own, {
      step: task.step,
      run: task.step === 'restore-revision' ? rollback : run,
      subject,
      ...more,
    });
  /** Goes as far as the checks of the promote gate, as the machine does. */
  const check = async () => {
    await deps.claims.claim(claimRowOf('promotion', subject));
    const { check: claimed } = await step(claimPromotion);
    await recordOn(deps, run, 'Record the request', [
      { kind: 'promotion.requested', step: 'claim-promotion', subject },
    ]);
    const checks = [claimed, (await step(checkRelease)).check, (await step(planPromotion)).check];
    const records = checks.map((one) => ({ kind: 'check', step: one.check, check: one }) as const);
    await recordOn(deps, run, 'Record the checks', records);
    return checks;
  };
  const recordVerdict = (verdict: EvidenceRef) =>
    recordOn(deps, run, 'Record the verdict', [
      { kind: 'verdict', step: 'decide-gate', gate: 'promote', subject, verdict },
    ]);
  /** Goes as far as the verdict. */
  const decide = async () => {
    const { passed, verdict } = await step(decideGate, { gate: 'promote', checks: await check() });
    await recordVerdict(verdict);
    return { passed, verdict };
  };
  return { subject, run, rollback, step, check, recordVerdict, decide };
}

/** A signed image, a target that runs another, and the first promotion of the image, which has its claim. */
export async function promotionWorld({ environment = {}, release = {}, empty = false }: PromotionWorldOptions = {}) {
  const stores = promotionStores(fixedClock());
  const [tokens, runs] = [openTokens(), startedRuns()];
  const deps = promotionDeps(stores, { ...tokens, ...runs }, environment);
  const first = promotionSteps(deps, 0);
  await stores.claims.claim(claimRowOf('promotion', first.subject));
  if (!empty) await stores.target.set({ stable: STABLE, weight: 0 }, (await stores.target.read()).version);
  if (release) await releaseImage(deps, NEXT, release);
  healthy(stores);
  return {
    ...stores,
    ...tokens,
    ...first,
    started: runs.started,
    deps,
    /** A later promotion of the same image. */
    attempt: (attempt: number) => promotionSteps(deps, attempt),
    entries: () => entriesOf(stores),
    kinds: async () => (await entriesOf(stores)).map(({ kind }) => kind),
    /** Where the entries of a kind are. */
    links: async (kind: string) => {
      const bytes = await stores.ledger.entries(TENANT, 0, 1000);
      const all = bytes.map((entry, index) => ({ index, leaf: toHex(leafHash(entry)), kind: parseEntry(entry).kind }));
      return all.filter((one) => one.kind === kind).map(({ index, leaf }) => ({ index, leaf }));
    },
  };
}
export type PromotionWorld = Awaited<ReturnType<typeof promotionWorld>>;
