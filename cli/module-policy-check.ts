import { readFile } from 'node:fs/promises';
import { ModulePath } from '../core/brands.ts';
import { parsePolicy } from '../core/gate/read-policy.ts';
import { parseGoMod } from '../core/gosum/go-mod.ts';
import { asksLatest } from '../core/modpolicy/author-rules.ts';
import { foreignSyntax } from '../core/modpolicy/foreign-syntax.ts';
import { openGoModProofs } from '../core/modpolicy/go-mod-proof.ts';
import { judgeModulePolicy } from '../core/modpolicy/judge.ts';
import type { ModuleFacts } from '../core/modpolicy/module-facts.ts';
import { ModulePolicy, type RuleName } from '../core/modpolicy/module-policy.ts';
import { readLatestModules } from '../core/modpolicy/read-latest.ts';
import { accountableModules } from '../core/modpolicy/selected-modules.ts';
import { treeFactsOf } from '../core/modpolicy/tree-facts.ts';
import type { HeadStore } from '../core/ports/head-store.ts';
import type { SourceFacts } from '../core/source/source-facts.ts';
import type { ProverOptions } from '../core/sumdb/prove.ts';
import type { Refusal } from '../core/verdict.ts';
import { GitSha } from '../events/fields.ts';
import { UsageError } from './command.ts';
import type { ModuleAccess } from './module-access.ts';
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
  /** Rules that only the service can judge. */
  readonly leftOut: readonly string[];
}

/** They compare with the last release, or ask who reviewed what and who may do it. */
const FOR_THE_SERVICE = [
  'binary-object',
  'go-sum-changed',
  'first-use',
  'permission',
  'unused-requirement',
  'origin-not-checked',
] as const satisfies readonly RuleName[];
/** Of git's empty tree: no commit has it, so no review is of it. */
const NO_COMMIT = GitSha.parse('4b825dc642cb6eb9a060e54bf8d69288fbee4904');

/** The section `modules` of a policy file, or every default without one. */
export async function readModulePolicy(file: string | undefined): Promise<ModulePolicy> {
  if (file === undefined) return ModulePolicy.parse({});
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new UsageError(`--policy ${file}: ${error instanceof Error ? error.message : 'cannot be read'}`);
  });
  return parsePolicy(text)?.modules ?? ModulePolicy.parse({});
}

const withoutService = (policy: ModulePolicy): ModulePolicy => ({
  ...policy,
  ...{ 'binary-object': { ...policy['binary-object'], severity: 'off' }, 'go-sum-changed': { severity: 'off' } },
  ...{ 'first-use': { ...policy['first-use'], severity: 'off' }, 'unused-requirement': { severity: 'off' } },
  ...{ permission: { ...policy.permission, severity: 'off' }, 'origin-not-checked': { severity: 'off' } },
  'origin-diverged': { compare: false },
});

/** Rules that would refuse and were not judged: with them unknown the tree does not pass. */
function unjudged(policy: ModulePolicy): Unchecked[] {
  const asks = (name: (typeof FOR_THE_SERVICE)[number]) => name !== 'permission' || policy.permission.grants.length > 0;
  const rules = [
    ...FOR_THE_SERVICE.filter((name) => policy[name].severity === 'refuse' && asks(name)),
    ...(policy['origin-diverged'].compare ? ['origin-diverged'] : []),
  ];
  return rules.map((name) => ({
    what: `modpolicy.${name}`,
    why: 'it needs the ledger or the source host',
    fix: 'Let the service judge it.',
  }));
}

const textOf = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

async function factsOf(
  deps: PolicyCheckDeps,
  policy: ModulePolicy,
  tree: JudgedTree,
): Promise<ModuleFacts | undefined> {
  const goModText = textOf(tree.goMod);
  const parsed = parseGoMod(goModText);
  if (parsed.kind === 'malformed') return undefined;
  const goMod = parsed.file;
  const { modules, index, database, heads, proving, withheld, day } = deps;
  const paths = accountableModules({ goMod })
    .filter(({ path }) => asksLatest(policy, path))
    .map(({ path }) => ModulePath.parse(path));
  const proofs = openGoModProofs({ database, heads, settings: { private: withheld }, options: proving });
  const read = await readLatestModules({ modules, index, proofs }, paths, { tolerant: true });
  return {
    ...{ goModText, goMod, goSum: textOf(tree.goSum), day },
    module: { path: goMod.module, version: 'v0.0.0' },
    repository: { host: 'localhost', name: goMod.module },
    ...{ directory: tree.facts.directory, commit: NO_COMMIT, tree: treeFactsOf(tree.facts) },
    ...{ latest: read.latest, refusals: read.contradictions },
    ...{ privatePatterns: [...withheld], publicSightings: [] },
  };
}

/** Judges what can be known of a tree alone. What could not be asked is a reason that says `not-checked`. */
export async function checkPolicyOf(
  deps: PolicyCheckDeps,
  policy: ModulePolicy,
  tree: JudgedTree,
): Promise<PolicyCheck> {
  const judged = withoutService(policy);
  const leftOut = FOR_THE_SERVICE.filter((name) => policy[name].severity !== 'off');
  const facts = await factsOf(deps, judged, tree);
  // That the file is malformed is said where its modules are verified.
  if (!facts) return { reasons: foreignSyntax(textOf(tree.goMod)), warnings: [], unchecked: [], leftOut };
  return { ...judgeModulePolicy(judged, facts), unchecked: unjudged(policy), leftOut };
}
