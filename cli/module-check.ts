import { parseGoMod } from '../core/gosum/go-mod.ts';
import { parseGoSum } from '../core/gosum/go-sum.ts';
import { matchesPathPatterns } from '../core/gosum/module-path.ts';
import { missingLines } from '../core/gosum/verify-lines.ts';
import { type ModuleInputs, type ModuleVerification, verifyModuleHashes } from '../core/gosum/verify-modules.ts';
import type { ModulePolicy } from '../core/modpolicy/module-policy.ts';
import type { SourceFacts } from '../core/source/source-facts.ts';
import type { ProverOptions } from '../core/sumdb/prove.ts';
import { verifyVendored } from '../core/vendoring/verify-vendored.ts';
import type { Refusal } from '../core/verdict.ts';
import { askedFor, type ModuleAccess, type ModuleAccessOptions, openModuleAccess } from './module-access.ts';
import type { ChangeBase } from './module-base.ts';
import { checkPolicyOf } from './module-policy-check.ts';
import { type ModuleTarget, type ReadTarget, readFolder, readVersion } from './module-tree.ts';
import { orUnchecked, outcomeOf, type Report, type Unchecked } from './report.ts';

/** Module truth for someone at a terminal: the checks of the service that need no ledger. */

export interface ModuleCheckDeps extends ModuleAccessOptions {
  /** Whether the environment may say what is private. */
  readonly trustEnvironment: boolean;
  /** Absent: what the modules are is not judged by rules. */
  readonly policy?: ModulePolicy;
  /** What the rules compare with; absent: those that would are left to the service. */
  readonly base?: ChangeBase;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly now: number;
}

/** What to do about each fault; the list may hold passwords, so it is not repeated. */
const FIXES = {
  ModuleProxyUnreachable:
    'Try again, or set GOPROXY to a proxy that has the module; for `direct` name its hosts with --direct-hosts.',
  ChecksumDatabaseUnavailable: 'Try again, or set GOPROXY to a proxy that serves the checksum database.',
  EgressRefused:
    'Only hosts that GOPROXY, GOSUMDB and --direct-hosts name are asked, over https unless they are on loopback.',
} as const;

const OFFLINE_FIXES = {
  ModuleProxyUnreachable: 'Run `go mod download`, which fills the module cache, or leave --offline out.',
  ChecksumDatabaseUnavailable: 'Run once without --offline: what the checksum database says is then recorded.',
} as const;

export const moduleFixes = ({ offline }: Pick<ModuleAccessOptions, 'offline'>) => (offline ? OFFLINE_FIXES : FIXES);

const EVERYTHING = ['*'];
const DAY_MS = 24 * 60 * 60 * 1000;
const SHOWN_NAMES = 3;

/** What the checksum database is not asked for; what no proxy is asked for is withheld where modules are fetched. */
const withheldBy = ({ database, noProxy, noDatabase }: ModuleCheckDeps['settings']): readonly string[] =>
  database.kind === 'off' ? EVERYTHING : [...noProxy.patterns, ...noDatabase.patterns];

/** What an untrusted environment calls private: asking for it would publish it for ever, leaving it out would be a hole. */
function undecided({ settings, trustEnvironment }: ModuleCheckDeps, paths: readonly string[]): Unchecked[] {
  if (trustEnvironment) return [];
  const variables = new Map<string, Set<string>>();
  for (const { variable, patterns } of [settings.noProxy, settings.noDatabase])
    for (const path of paths)
      if (matchesPathPatterns(patterns, path))
        variables.set(variable, (variables.get(variable) ?? new Set()).add(path));
  return [...variables].map(([variable, matched]) => {
    const [first = '', ...more] = matched;
    return {
      what: `${first}${more.length > 0 ? ` and ${more.length} more` : ''}`,
      why: `${variable} calls it private, so nobody was asked for anything`,
      fix: `--trust-env checks the rest and still exits 3; ${variable}=none has everything asked for in public.`,
    };
  });
}

const linesIn = (goSum: Uint8Array | undefined) => parseGoSum(Buffer.from(goSum ?? []).toString('utf8')).lines;

function goModIn(goMod: Uint8Array) {
  const parsed = parseGoMod(Buffer.from(goMod).toString('utf8'));
  return parsed.kind === 'parsed' ? parsed.file : undefined;
}

const pathsIn = ({ goMod, goSum, released }: ModuleInputs): string[] => [
  ...(released ? [released.path] : []),
  ...linesIn(goSum).map(({ module }) => module),
  ...(goModIn(goMod)?.requirements ?? []).map(({ path }) => path),
];

/** Modules that the settings kept from a full check. */
function leftOut(
  { settings }: ModuleCheckDeps,
  { lines, release }: ModuleVerification,
  unasked: ReadonlySet<string>,
): Unchecked[] {
  if (settings.database.kind === 'off')
    return [
      {
        what: 'the checksum database',
        why: 'GOSUMDB is off: lines were hashed again, and proved by nobody',
        fix: 'Unset GOSUMDB, or give it the name or key of a checksum database.',
      },
    ];
  const unproved = lines.filter(({ proved }) => proved === 'private').map(({ module }) => module);
  const modules = new Set<string>([...unproved, ...[...unasked].map((key) => key.replace(/@.*$/s, ''))]);
  const shown = [...modules].slice(0, SHOWN_NAMES).join(', ');
  const of = modules.size > 0 ? [`${modules.size} modules (${shown}${modules.size > SHOWN_NAMES ? ', …' : ''})`] : [];
  if (release?.proved === 'private') of.push('the released module');
  return of.map((what) => ({
    what,
    why: 'private by the environment, so no checksum database was asked',
    fix: 'Have them verified where they may be asked for: in the service, with a policy of its own.',
  }));
}

const saysNotChecked = ({ code }: Refusal): boolean => code.endsWith('.not-checked');

/** What refuses nothing yet and keeps the target from passing, one entry a code. */
function leftOpen(reasons: readonly Refusal[]): Unchecked[] {
  const byCode = new Map<string, Refusal[]>();
  for (const reason of reasons) byCode.set(reason.code, [...(byCode.get(reason.code) ?? []), reason]);
  return [...byCode].map(([code, [first, ...more]]) => ({
    what: `${code} at ${first?.where ?? 'the tree'}${more.length > 0 ? ` and ${more.length} more` : ''}`,
    why: `expected ${first?.expected ?? 'an answer'}, found ${first?.found ?? 'none'}`,
    fix: first?.fix ?? 'Try again.',
  }));
}

/** One check by the name that its step has in the service. */
interface NamedCheck extends Pick<Report, 'reasons' | 'unchecked' | 'warnings' | 'details' | 'lines'> {
  readonly check: 'verify-go-sum' | 'verify-vendor' | 'check-module-policy';
}

type Checked = Omit<NamedCheck, 'check'>;
type Tree = Exclude<ReadTarget, { readonly reasons: readonly Refusal[] }>;

interface Checking {
  readonly deps: ModuleCheckDeps;
  readonly access: ModuleAccess;
  readonly tree: Tree;
  readonly proving: ProverOptions;
}

/** Whether it says that a go.mod is missing which nobody was asked for. */
const isUnasked = ({ code, where = '' }: Refusal, unasked: ReadonlySet<string>): boolean =>
  code === 'gosum.module-missing' && unasked.has(where);

/** "None" from a proxy that was not asked is no finding, and what depends on it is judged by go.mod alone. */
function withoutUnasked({ reasons, lines }: ModuleVerification, { access: { unasked }, tree }: Checking) {
  const places = new Set(
    lines.filter(({ module, version }) => unasked.has(`${module}@${version}`)).map(({ where }) => where),
  );
  const kept = reasons.filter(
    (reason) =>
      !isUnasked(reason, unasked) && (reason.code !== 'gosum.module-missing' || !places.has(reason.where ?? '')),
  );
  const goMod = reasons.some((reason) => isUnasked(reason, unasked)) ? goModIn(tree.goMod) : undefined;
  return goMod ? [...missingLines(goMod, linesIn(tree.goSum)), ...kept] : kept;
}

/** Directories that replace modules lie outside a zip: the tree at the tag has them. */
function outsideOfZip(reasons: readonly Refusal[], { tree }: Checking): Unchecked[] {
  if (!tree.released) return [];
  return reasons.filter(isReplacement).map(({ where = 'go.mod', found = 'nothing' }) => ({
    what: `which lines go.sum needs, for want of ${where}`,
    why: `it is replaced by a directory, and the zip has ${found}`,
    fix: 'Check out its tag and verify the folder.',
  }));
}
const isReplacement = ({ code }: Refusal): boolean => code === 'gosum.replacement-missing';

function summary({ lines, head, release, needs }: ModuleVerification): string[] {
  const proved = lines.filter((line) => line.proved === 'database').length;
  const { counts } = needs;
  return [
    `${proved} of ${lines.length} go.sum lines hashed again and proved`,
    ...(counts
      ? [`${counts.required} lines are needed to build, ${counts.tidy} more kept by tidy, ${counts.surplus} by nobody`]
      : []),
    ...(release ? [`the version’s own two hashes: ${release.proved}`] : []),
    ...(head ? [`in the tree of ${head.size} records signed by ${head.log}`] : []),
  ];
}

async function checkGoSum(checking: Checking): Promise<Checked> {
  const { deps, access, tree, proving } = checking;
  const { modules, database, hasher, unasked } = access;
  const { heads } = deps.state;
  const settings = { private: withheldBy(deps.settings) };
  const sources = { modules, database, heads, hasher, settings, proving: () => proving };
  const verification = await verifyModuleHashes(sources, tree);
  const { lines, needs, release, head } = verification;
  const reasons = withoutUnasked(verification, checking);
  const outside = outsideOfZip(reasons, checking);
  return {
    reasons: outside.length > 0 ? reasons.filter((reason) => !isReplacement(reason)) : reasons,
    unchecked: [...leftOut(deps, verification, unasked), ...outside],
    warnings: verification.warnings.filter((warning) => !isUnasked(warning, unasked)),
    lines: summary(verification),
    details: { lines, needs, ...(release ? { release } : {}), ...(head ? { database: head } : {}) },
  };
}

async function checkVendor({ modules, hasher }: ModuleAccess, facts: SourceFacts): Promise<Checked> {
  const { reasons, folders } = await verifyVendored({ modules, hasher }, facts);
  return {
    reasons,
    unchecked: [],
    lines: folders.map(({ folder, files, modules: count }) => `${folder}: ${files} files of ${count} modules compared`),
    details: { vendored: folders },
  };
}

async function checkPolicy({ deps, access, tree, proving }: Checking, policy: ModulePolicy): Promise<Checked> {
  const { settings, state, now, base } = deps;
  const withheld = withheldBy(settings);
  const sources = { ...access, heads: state.heads, proving, withheld, day: Math.floor(now / DAY_MS) };
  const { leftOut: rules, open, unchecked, ...judged } = await checkPolicyOf(sources, policy, tree, base);
  return {
    ...judged,
    unchecked: [...unchecked, ...leftOpen(open)],
    lines: [
      `compared with ${base?.name ?? 'nothing'}${base && !base.release ? ', which has no such module' : ''}`,
      ...(rules.length > 0 ? [`rules left to the service: ${rules.join(', ')}`] : []),
    ],
    details: { rulesLeftOut: rules, ...(base ? { comparedWith: base.name } : {}) },
  };
}

/** One check with a name; what a fault left open is said, and the others go on. */
async function named(
  check: NamedCheck['check'],
  checking: Promise<Checked>,
  deps: ModuleCheckDeps,
): Promise<NamedCheck> {
  const checked: Checked = await orUnchecked(checking, check, moduleFixes(deps), deps.io);
  const { reasons, unchecked } = checked;
  return {
    ...checked,
    check,
    reasons: reasons.filter((reason) => !saysNotChecked(reason)),
    unchecked: [...unchecked, ...leftOpen(reasons.filter(saysNotChecked))],
  };
}

const together = (checks: readonly NamedCheck[]): CheckedModules => ({
  reasons: checks.flatMap(({ reasons }) => reasons),
  unchecked: checks.flatMap(({ unchecked }) => unchecked),
  warnings: checks.flatMap(({ warnings = [] }) => warnings),
  lines: checks.flatMap((each) => [`${each.check}: ${outcomeOf(each)}`, ...(each.lines ?? [])]),
  details: Object.assign(
    { checks: checks.map((each) => ({ check: each.check, outcome: outcomeOf(each) })) },
    ...checks.map(({ details }) => details),
  ),
});

type CheckedModules = Omit<Report, 'target'>;

async function checkTree(checking: Checking): Promise<CheckedModules> {
  const { deps, access, tree } = checking;
  // One after the other: what the first fetched and recorded, the next find at hand.
  const checks = [await named('verify-go-sum', checkGoSum(checking), deps)];
  checks.push(await named('verify-vendor', checkVendor(access, tree.facts), deps));
  if (deps.policy) checks.push(await named('check-module-policy', checkPolicy(checking, deps.policy), deps));
  return together(checks);
}

/** Checks one target. Faults of reading it are thrown; those of a check are what it left unchecked. */
export async function checkModules(deps: ModuleCheckDeps, target: ModuleTarget): Promise<CheckedModules> {
  const { settings, io, state, now, base } = deps;
  const early = target.kind === 'version' ? undecided(deps, [target.path]) : [];
  if (early.length > 0) return { reasons: [], unchecked: early };
  if (target.kind === 'version' && askedFor(deps, target.path) === 'nobody') {
    const why = `${settings.noProxy.variable} says that no proxy has it`;
    return { reasons: [], unchecked: [{ what: target.path, why, fix: 'Check out its tag and verify the folder.' }] };
  }
  const access = await openModuleAccess(deps);
  try {
    const tree =
      target.kind === 'folder'
        ? await readFolder(target.folder, io.signal)
        : await readVersion(access.modules, target.path, target.version);
    if ('reasons' in tree) return { reasons: tree.reasons, unchecked: [] };
    const unanswered = undecided(deps, pathsIn(tree));
    if (unanswered.length > 0) return { reasons: [], unchecked: unanswered };
    // Of a module that both go.sum files state, as the tree has it.
    access.state([...parseGoSum(base?.goSum ?? '').lines, ...linesIn(tree.goSum)]);
    const proving = { now: new Date(now).toISOString(), ...(state.tiles ? { cache: state.tiles } : {}) };
    return await checkTree({ deps, access, tree, proving });
  } finally {
    await access.close();
  }
}
