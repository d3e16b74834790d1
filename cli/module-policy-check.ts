import { readFile } from 'node:fs/promises';
import { ModulePath } from '../core/brands.ts';
import { sha256Hex } from '../core/evidence.ts';
import { parsePolicy } from '../core/gate/read-policy.ts';
import { parseGoMod } from '../core/gosum/go-mod.ts';
import { askedDatabase } from '../core/modpolicy/asked-database.ts';
import { asksLatest } from '../core/modpolicy/author-rules.ts';
import { readChangedModules } from '../core/modpolicy/changed-modules.ts';
import { foreignSyntax } from '../core/modpolicy/foreign-syntax.ts';
import { openGoModProofs } from '../core/modpolicy/go-mod-proof.ts';
import { judgeModulePolicy } from '../core/modpolicy/judge.ts';
import type { ModuleFacts } from '../core/modpolicy/module-facts.ts';
import { ModulePolicy, type RuleName } from '../core/modpolicy/module-policy.ts';
import { readLatestModules } from '../core/modpolicy/read-latest.ts';
import { accountableModules, builtModules } from '../core/modpolicy/selected-modules.ts';
import { treeFactsOf } from '../core/modpolicy/tree-facts.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { SourceFacts } from '../core/source/source-facts.ts';
import type { ProverOptions } from '../core/sumdb/prove.ts';
import type { Refusal } from '../core/verdict.ts';
import { UsageError } from './command.ts';
import type { ModuleAccess } from './module-access.ts';
import { type ChangeBase, NO_COMMIT } from './module-base.ts';
import type { Unchecked } from './report.ts';

/** Module policy of a tree that nobody released: without a ledger, a source host or a commit. */

export interface PolicyCheckDeps extends Pick<ModuleAccess, 'modules' | 'index' | 'database'> {
  readonly heads: HeadStore;
  readonly proving: ProverOptions;
  /** Patterns of modules that the checksum database is not asked for. */
  readonly withheld: readonly string[];
  /** Days since 1970-01-01 UTC. */
  readonly day: number;
}

export interface JudgedTree {
  readonly goMod: Uint8Array;
  readonly goSum: Uint8Array | undefined;
  readonly facts: SourceFacts;
}

export interface PolicyCheck {
  readonly reasons: readonly Refusal[];
  readonly warnings: readonly Refusal[];
  readonly unchecked: readonly Unchecked[];
  /** What refuses unless the service knows of a review, a signature or an approval. */
  readonly open: readonly Refusal[];
  /** Rules that only the service can judge. */
  readonly leftOut: readonly string[];
}

/** They compare with what was there before. */
const COMPARING = ['binary-object', 'go-sum-changed', 'first-use'] as const satisfies readonly RuleName[];
/** They ask who published or reviewed what, who may do it, and what origins hold. */
const FOR_THE_SERVICE = [
  'publisher-signature',
  'permission',
  'unused-requirement',
  'origin-not-checked',
] as const satisfies readonly RuleName[];

/** The section `modules` of a policy file, or every default without one. */
export async function readModulePolicy(file: string | undefined): Promise<ModulePolicy> {
  if (file === undefined) return ModulePolicy.parse({});
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--policy ${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  });
  return parsePolicy(text)?.modules ?? ModulePolicy.parse({});
}

const withoutBase = (policy: ModulePolicy): ModulePolicy => ({
  ...policy,
  ...{ 'binary-object': { ...policy['binary-object'], severity: 'off' }, 'go-sum-changed': { severity: 'off' } },
  'first-use': { ...policy['first-use'], severity: 'off' },
});

const withoutService = (policy: ModulePolicy): ModulePolicy => ({
  ...policy,
  ...{ permission: { ...policy.permission, severity: 'off' }, 'origin-not-checked': { severity: 'off' } },
  ...{ 'origin-diverged': { compare: false }, 'publisher-signature': { severity: 'off', publishers: [] } },
  ...{ 'first-use': { ...policy['first-use'], twoSources: false }, 'unused-requirement': { severity: 'off' } },
  toolchain: { ...policy.toolchain, proved: [] },
});

/** Rules that would refuse and were not judged: with them unknown the tree does not pass. */
function unjudged(policy: ModulePolicy): Unchecked[] {
  const { permission, 'publisher-signature': signature } = policy;
  const asks = (name: (typeof FOR_THE_SERVICE)[number]) =>
    (name !== 'permission' || permission.grants.length > 0) &&
    (name !== 'publisher-signature' || signature.publishers.some(({ required }) => required));
  const rules = [
    ...FOR_THE_SERVICE.filter((name) => policy[name].severity === 'refuse' && asks(name)),
    ...(policy['origin-diverged'].compare ? ['origin-diverged'] : []),
    ...(policy['private-from-public'].ask ? ['private-from-public'] : []),
    ...(policy.toolchain.severity === 'refuse' && policy.toolchain.proved.length > 0 ? ['toolchain'] : []),
    ...(signature.publishers.length > 0 ? ['signature-bad'] : []),
  ];
  return rules.map((name) => ({
    what: `modpolicy.${name}`,
    why: 'it needs the ledger or the source host',
    fix: 'Let the service judge it.',
  }));
}

const uncompared = (policy: ModulePolicy): Unchecked[] =>
  COMPARING.filter((name) => policy[name].severity === 'refuse').map((name) => ({
    what: `modpolicy.${name}`,
    why: 'it compares with what was there before, and no base was named',
    fix: 'Name the branch that the change goes into: `relseal verify change --base REF`.',
  }));

/** Whether a review or an approval that only the service knows of would lift the finding. */
const isOpen = ({ code }: Refusal): boolean => COMPARING.some((name) => code === `modpolicy.${name}`);

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

async function factsOf(
  deps: PolicyCheckDeps,
  policy: ModulePolicy,
  tree: JudgedTree,
  base: ChangeBase | undefined,
): Promise<ModuleFacts | undefined> {
  const goModText = textOf(tree.goMod);
  const parsed = parseGoMod(goModText);
  if (parsed.kind === 'malformed') return undefined;
  const goMod = parsed.file;
  const { modules, index, database, heads, proving, withheld, day } = deps;
  const paths = accountableModules({ goMod })
    .filter(({ path }) => asksLatest(policy, path))
    .map(({ path }) => ModulePath.parse(path));
  const proofs = openGoModProofs(askedDatabase({ database, heads, options: proving }), withheld);
  const read = await readLatestModules({ modules, index, proofs }, paths, { tolerant: true });
  const last = base?.release;
  return {
    ...(last ? { lastRelease: last } : {}),
    changed: last ? await readChangedModules(modules, last.modules, builtModules({ goMod })) : [],
    ...{ goModText, goMod, goSum: textOf(tree.goSum), goSumSha256: tree.goSum && sha256Hex(tree.goSum), day },
    module: { path: goMod.module, version: 'v0.0.0' },
    repository: { host: 'localhost', name: goMod.module },
    ...{ directory: tree.facts.directory, commit: NO_COMMIT, tree: treeFactsOf(tree.facts) },
    ...{ latest: read.latest, refusals: read.contradictions },
    ...{ privatePatterns: [...withheld], publicSightings: [] },
  };
}

/** Judges what can be known of a tree and its base. What could not be asked is a reason that says `not-checked`. */
export async function checkPolicyOf(
  deps: PolicyCheckDeps,
  policy: ModulePolicy,
  tree: JudgedTree,
  base?: ChangeBase,
): Promise<PolicyCheck> {
  const judged = withoutService(base ? policy : withoutBase(policy));
  const unasked = [...(base ? [] : COMPARING), ...FOR_THE_SERVICE];
  const leftOut = unasked.filter((name) => policy[name].severity !== 'off');
  const facts = await factsOf(deps, judged, tree, base);
  // That the file is malformed is said where its modules are verified.
  if (!facts) return { reasons: foreignSyntax(textOf(tree.goMod)), warnings: [], unchecked: [], open: [], leftOut };
  const { reasons, warnings } = judgeModulePolicy(judged, facts);
  return {
    ...{ reasons: reasons.filter((reason) => !isOpen(reason)), open: reasons.filter(isOpen) },
    ...{ warnings, unchecked: [...(base ? [] : uncompared(policy)), ...unjudged(policy)], leftOut },
  };
}
