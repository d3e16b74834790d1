import * as z from 'zod';
import type { TaskHandler } from '../adapters/embedded/workflow-engine/call-task.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { linkChain } from '../core/chain/link-chain.ts';
import { type Config, logOf } from '../core/config.ts';
import { sha256Hex } from '../core/evidence.ts';
import { Fault } from '../core/faults.ts';
import { decideGate } from '../core/gate/decide-gate.ts';
import { verifyGoSum } from '../core/gosum/task.ts';
import type { appendEntries } from '../core/ledger/append.ts';
import { auditLedgerTask } from '../core/ledger/audit.ts';
import type { EntryDraft } from '../core/ledger/entry.ts';
import { META_LOG } from '../core/ledger/meta-log.ts';
import { publishCheckpointTask } from '../core/ledger/publish.ts';
import { appendLedger } from '../core/ledger/task.ts';
import type { Witnessing } from '../core/ledger/witnessing.ts';
import { checkModulePolicy } from '../core/modpolicy/task.ts';
import { inspectBinaries } from '../core/oci/inspect-binaries.ts';
import { resolveImageTask } from '../core/oci/resolve-image.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { NoteSigner } from '../core/ports/note-signer.ts';
import type { Signer } from '../core/ports/signer.ts';
import type { Workflows } from '../core/ports/workflows.ts';
import { requestApproval } from '../core/promotion/approval.ts';
import { checkRelease } from '../core/promotion/check-release.ts';
import { claimPromotion } from '../core/promotion/claim-promotion.ts';
import { closePromotion, freeTarget } from '../core/promotion/close-promotion.ts';
import { openStageTask } from '../core/promotion/open-stage.ts';
import { planPromotion } from '../core/promotion/plan-promotion.ts';
import { restoreRevision } from '../core/promotion/restore-revision.ts';
import { startRollbackTask } from '../core/promotion/roll-back.ts';
import { shiftTraffic } from '../core/promotion/shift-traffic.ts';
import { projectEntries } from '../core/query/project.ts';
import { claimRelease } from '../core/runs/claim-release.ts';
import { makeImageSbom } from '../core/sbom/make-image-sbom.ts';
import { makeSourceSbom } from '../core/sbom/make-source-sbom.ts';
import { checkTagSigner } from '../core/signers/task.ts';
import { signArtifact } from '../core/signing/sign-artifact.ts';
import { verifySignature } from '../core/signing/verify-signature.ts';
import { fetchSource } from '../core/source/fetch-source.ts';
import { reportStatus } from '../core/status/report-status.ts';
import { RunContext, runTask, type Task } from '../core/task.ts';
import { verifierKeyOf } from '../core/tlog/note.ts';
import { verifyVendor } from '../core/vendoring/task.ts';
import type { Sha256Hex, TenantId } from '../events/fields.ts';
import { functionIdOf } from '../statemachines/catalog.ts';
import type { Repositories } from './repositories.ts';
import type { Stores } from './stores.ts';
import type { OpenTargets } from './targets.ts';

export interface TaskDeps {
  readonly config: Config;
  readonly stores: Stores;
  readonly repositories: Repositories;
  readonly signer: Signer;
  readonly noteSigner: NoteSigner;
  /** Whom each log asks to cosign its checkpoints. */
  witnessingOf(tenant: TenantId): Witnessing | undefined;
  readonly clock: Clock;
  append(tenant: TenantId, drafts: readonly EntryDraft[]): ReturnType<typeof appendEntries>;
  readonly targets: Pick<OpenTargets, 'environments' | 'targets'>;
  /** The engine that the steps run on, for those that start or answer others. */
  readonly workflows: Pick<Workflows, 'start' | 'sendTaskSuccess'>;
  /** Text of a tenant's policy document as it is now. */
  policies(tenant: TenantId): Promise<string | undefined>;
}

const Payload = z.looseObject({ run: RunContext });

export interface BoundTasks {
  /** By the placeholder that the machines call a step by. */
  readonly handlers: Readonly<Record<string, TaskHandler>>;
  /** What each step reads and writes, as a hash: a run that an older version started goes on only while it is the same. */
  readonly schemas: Readonly<Record<string, string>>;
  /** Resolves when no step is at work: an engine that closes does not wait for those it has given up. */
  settled(): Promise<void>;
}

/** Every step of the catalog bound to the embedded adapters. */
export function bindTasks(deps: TaskDeps): BoundTasks {
  const { stores, repositories, signer, noteSigner, clock, policies, append } = deps;
  const { worm, ledger, claims, views, audits } = stores;
  // A search must see what was committed before it: projections follow commits, but not at once.
  const freshViews: typeof views = {
    ...views,
    find: async (tenant, ...search) => {
      await projectEntries({ ledger, views }, tenant);
      return views.find(tenant, ...search);
    },
  };
  const originOf = (tenant: TenantId): string => logOf(deps.config, tenant).origin;
  const meta = deps.config.metaLog ? { appendMeta: (drafts: readonly EntryDraft[]) => append(META_LOG, drafts) } : {};
  const steps: Bound[] = [
    bind(claimRelease, { claims }),
    bind(appendLedger, { worm, claims, ledger, clock, append }),
    bind(fetchSource, { worm, sourceHosts: repositories.sourceHosts }),
    bindTenant(verifyGoSum, (tenant) => ({ worm, ...repositories.moduleDeps(tenant) })),
    bindTenant(verifyVendor, (tenant) => ({ worm, ...repositories.moduleDeps(tenant) })),
    bindTenant(checkModulePolicy, (tenant) => ({
      ...{ worm, ledger, views: freshViews, clock, policies },
      ...repositories.moduleDeps(tenant),
      reviews: repositories.reviewsOf(tenant),
    })),
    bind(checkTagSigner, { worm, clock, policies, sourceHosts: repositories.sourceHosts }),
    bind(reportStatus, { worm, statusOf: repositories.statusOf }),
    bind(makeSourceSbom, { worm }),
    bind(decideGate, { worm, policies }),
    bind(resolveImageTask, { worm, registryOf: repositories.registryOf }),
    bind(inspectBinaries, { worm, registryOf: repositories.registryOf }),
    bind(linkChain, { worm, ledger, views: freshViews, clock, sourceOf: repositories.sourceOf }),
    bind(makeImageSbom, { worm }),
    bind(signArtifact, { ledger, worm, signer, registries: repositories.registries }),
    bind(verifySignature, { worm, signer, registries: repositories.registries }),
    bind(publishCheckpointTask, {
      ...{ ledger, worm, clock, noteSigner, originOf, ...meta },
      witnessingOf: deps.witnessingOf,
    }),
    bind(auditLedgerTask, {
      ...{ ledger, worm, audits, clock, append },
      keyOf: async (tenant) => verifierKeyOf(originOf(tenant), await noteSigner.publicKey()),
    }),
    ...promotionTasks(deps),
  ];
  const atWork = new Set<Promise<unknown>>();
  const watched =
    (handler: TaskHandler): TaskHandler =>
    (payload, options) => {
      const work = handler(payload, options).finally(() => atWork.delete(work));
      atWork.add(work);
      return work;
    };
  return {
    handlers: Object.fromEntries(steps.map(({ name, handler }) => [name, watched(handler)])),
    schemas: Object.fromEntries(steps.map(({ name, schemas }) => [name, schemas])),
    settled: async () => {
      await Promise.allSettled(atWork);
    },
  };
}

/** The steps of a promotion and of its rollback. */
function promotionTasks({ stores, targets: open, workflows, clock, append }: TaskDeps) {
  const { worm, ledger, claims, waits, locks } = stores;
  const { environments, targets } = open;
  const onLedger = { worm, ledger, claims, append };
  return [
    bind(claimPromotion, { claims, locks, worm, environments }),
    bind(checkRelease, { ledger, worm }),
    bind(planPromotion, { worm, environments, targets }),
    bind(requestApproval, { ledger, worm, claims, waits, workflows }),
    bind(shiftTraffic, { ...onLedger, targets }),
    bind(openStageTask, { ledger, worm, waits, clock }),
    bind(closePromotion, { ...onLedger, targets, locks }),
    bind(startRollbackTask, { claims, workflows, clock }),
    bind(freeTarget, { locks }),
    bind(restoreRevision, { ...onLedger, targets, locks, clock }),
  ];
}

interface Bound {
  /** The placeholder that the machines call the step by. */
  readonly name: string;
  readonly handler: TaskHandler;
  readonly schemas: Sha256Hex;
}

/** SHA-256 of the JSON Schemas of what a step reads and writes. */
const schemasOf = <Deps, Input, Output>({ input, output }: Task<Deps, Input, Output>): Sha256Hex =>
  sha256Hex(canonicalJson([input, output].map((schema) => z.toJSONSchema(schema, { unrepresentable: 'any' }))));

const bound = <Deps, Input, Output>(task: Task<Deps, Input, Output>, handler: TaskHandler): Bound => ({
  name: functionIdOf(task.step),
  handler,
  schemas: schemasOf(task),
});

const bind = <Deps, Input, Output>(task: Task<Deps, Input, Output>, deps: Deps): Bound =>
  bound(task, (payload) => runTask(task, deps, payload));

/** For a task whose adapters differ from tenant to tenant. */
const bindTenant = <Deps, Input, Output>(task: Task<Deps, Input, Output>, depsOf: (tenant: TenantId) => Deps): Bound =>
  bound(task, (payload) => {
    const read = Payload.safeParse(payload);
    if (!read.success) throw new Fault('InputInvalid', `${task.step}: the payload names no run`);
    return runTask(task, depsOf(read.data.run.tenant), payload);
  });
