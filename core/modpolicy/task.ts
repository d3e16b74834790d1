import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, keepJsonEvidence, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import { parsePolicy } from '../gate/read-policy.ts';
import { type ParsedGoMod, parseGoMod } from '../gosum/go-mod.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { isOfChange, SourceSnapshot } from '../source/snapshot.ts';
import { defineTask, RunContext } from '../task.ts';
import { foreignSyntax } from './foreign-syntax.ts';
import { type GatherFactsDeps, gatherFacts } from './gather-facts.ts';
import { judgeModulePolicy, type ModuleJudgement } from './judge.ts';
import { ModulePolicyRecord } from './module-facts.ts';
import { ModulePolicy } from './module-policy.ts';
import { beforeReview } from './reviewed.ts';

export interface CheckModulePolicyDeps extends GatherFactsDeps {
  /** The tenant's policy document as text; without one, or without its section `modules`, every default holds. */
  policies(tenant: TenantId): Promise<string | undefined>;
}

const textOf = async (worm: WormStore, tenant: TenantId, reference: EvidenceRef): Promise<string> =>
  Buffer.from(await loadEvidence(worm, tenant, reference)).toString('utf8');

const refuseMalformed = (
  { problem }: Extract<ParsedGoMod, { kind: 'malformed' }>,
  goModText: string,
): ModuleJudgement => ({
  reasons: [
    ...foreignSyntax(goModText),
    {
      code: 'gosum.go-mod-malformed',
      where: `go.mod:${problem.line}:${problem.column}`,
      expected: problem.expected,
      found: problem.found,
      fix: 'Correct the line; `go mod edit -fmt` shows the same fault.',
    },
  ],
  warnings: [],
});

interface ReleaseFiles {
  readonly goModText: string;
  readonly goMod: ParsedGoMod;
  readonly goSum: string;
}

async function loadFiles(
  worm: WormStore,
  tenant: TenantId,
  { goMod, goSum }: Pick<SourceSnapshot, 'goMod' | 'goSum'>,
): Promise<ReleaseFiles> {
  const goModText = await textOf(worm, tenant, goMod);
  return { goModText, goMod: parseGoMod(goModText), goSum: goSum ? await textOf(worm, tenant, goSum) : '' };
}

function judgeRecord(record: ModulePolicyRecord, { goModText, goMod, goSum }: ReleaseFiles): ModuleJudgement {
  if (goMod.kind === 'malformed') return refuseMalformed(goMod, goModText);
  const { policy, goSum: reference, ...facts } = record;
  return judgeModulePolicy(policy, { ...facts, goModText, goMod: goMod.file, goSum, goSumSha256: reference?.sha256 });
}

/** Judges again, from the record that a report names and nothing that the report says. */
export async function recomputeModulePolicy(
  worm: WormStore,
  tenant: TenantId,
  reference: EvidenceRef,
): Promise<ModuleJudgement> {
  const record = await loadJsonEvidence(worm, tenant, reference, ModulePolicyRecord);
  return judgeRecord(record, await loadFiles(worm, tenant, record));
}

interface Judged extends ModuleJudgement {
  readonly evidence: readonly EvidenceRef[];
  readonly details: Readonly<Record<string, number | string>>;
}

async function judge(deps: CheckModulePolicyDeps, tenant: TenantId, snapshot: SourceSnapshot): Promise<Judged> {
  const { worm, policies } = deps;
  const text = await policies(tenant);
  const inForce = (text === undefined ? undefined : parsePolicy(text))?.modules ?? ModulePolicy.parse({});
  const policy = isOfChange(snapshot) ? beforeReview(inForce) : inForce;
  const files = await loadFiles(worm, tenant, snapshot);
  const { goMod, goSum } = files;
  // Nothing is asked about a file that names nothing.
  if (goMod.kind === 'malformed') return { ...refuseMalformed(goMod, files.goModText), evidence: [], details: {} };
  const { record, evidence } = await gatherFacts(deps, { tenant, policy, snapshot, goMod: goMod.file, goSum });
  const kept = await keepJsonEvidence(worm, tenant, 'module-policy', record);
  const details = {
    requirements: goMod.file.requirements.length,
    latest: record.latest.length,
    ...(record.lastRelease ? { comparedWith: record.lastRelease.tag } : {}),
  };
  return { ...judgeRecord(record, files), evidence: [kept, ...evidence], details };
}

/** Judges what a release is made of by the tenant's rules; all they were judged by is kept as evidence. */
export const checkModulePolicy = defineTask({
  step: 'check-module-policy',
  input: z.strictObject({ step: z.literal('check-module-policy'), run: RunContext, snapshot: EvidenceRef }),
  output: z.strictObject({ check: CheckRecord }),
  async run(deps: CheckModulePolicyDeps, { run: { tenant }, snapshot: reference }) {
    const snapshot = await loadJsonEvidence(deps.worm, tenant, reference, SourceSnapshot);
    const { reasons, warnings, evidence, details } = await judge(deps, tenant, snapshot);
    const { module, commit, tag, goMod, goSum } = snapshot;
    const [first, ...more] = warnings;
    const check = await keepReport(deps.worm, tenant, {
      check: 'check-module-policy',
      subjects: [{ name: `${module.path}@${module.version}`, digest: { gitCommit: commit } }],
      reasons: [...reasons],
      ...(first ? { warnings: [first, ...more] } : {}),
      evidence: [reference, goMod, ...(goSum ? [goSum] : []), ...evidence],
      change: { commit, tag, module: `${module.path}@${module.version}` },
      details,
    });
    return { check };
  },
});
