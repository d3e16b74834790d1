import { compareGoVersions } from '../buildlist/module-order.ts';
import { findReplacement, type ModuleAt, type Replacement } from '../gosum/go-mod.ts';
import { below, directoryFrom, folderAt, isAbsolute } from '../source/tree-path.ts';
import type { Refusal } from '../verdict.ts';
import type { ModulesTxt, ReplacedBy, VendoredModule } from './modules-txt.ts';
import type { VendorRoot } from './vendor-folder.ts';

/** Whether modules.txt says what go.mod says: what the go command asks before it builds with `-mod=vendor`. */

/** A module, or with no version every version of it. */
interface Versions {
  readonly path: string;
  readonly version?: string | undefined;
}
/** How a replacement is written in modules.txt, and where it comes from. */
interface Replaced {
  readonly by: ReplacedBy;
  readonly place: string;
}

/** Before it, modules.txt did not say which modules are required by whom. */
const SINCE_EXPLICIT = '1.14';

const keyOf = ({ path, version = '' }: Versions) => `${path} ${version}`;
const nameOf = ({ path, version }: Versions) => (version === undefined ? path : `${path}@${version}`);

export function inconsistent(where: string, expected: string, found: string): Refusal {
  return {
    code: 'vendor.inconsistent',
    where: where.slice(0, 1024),
    expected: expected.slice(0, 1024),
    found: found.slice(0, 1024),
    fix: 'Run `go mod vendor` (in a workspace `go work vendor`), review what changes, and commit the vendor folder.',
  };
}

function writtenAs({ target }: Replacement, root: VendorRoot, directory: string | undefined): ReplacedBy {
  if (target.kind === 'module') return { path: target.path, version: target.version };
  // A workspace writes the directories of its modules as seen from its own.
  const folder = directory === undefined ? undefined : folderAt(directory, target.directory);
  if (!root.work || folder === undefined || isAbsolute(target.directory)) return { path: target.directory };
  return { path: directoryFrom(root.folder, folder) };
}

/** What a module is replaced by in this build; go.work comes before the modules that it uses. */
function replacedIn(root: VendorRoot, module: Versions): Replaced | undefined {
  // The main module itself is replaced by nobody.
  if (module.version === undefined && root.mains.some(({ file }) => file.module === module.path)) return undefined;
  const ofWork = findReplacement(root.work?.replacements ?? [], module);
  if (ofWork)
    return { by: writtenAs(ofWork, root, undefined), place: `${below(root.folder, 'go.work')}:${ofWork.line}` };
  for (const { directory, file } of root.mains) {
    const found = findReplacement(file.replacements, module);
    if (found) return { by: writtenAs(found, root, directory), place: `${below(directory, 'go.mod')}:${found.line}` };
  }
  return undefined;
}

interface Comparison {
  readonly root: VendorRoot;
  readonly modules: readonly VendoredModule[];
  readonly byKey: ReadonlyMap<string, VendoredModule>;
  readonly place: string;
  readonly before114: boolean;
}

const versionWithPackages = ({ modules }: Comparison, path: string): string | undefined =>
  modules.find((module) => module.path === path && module.packages.length > 0)?.version;

/** All that are written anywhere, in the go command's order. */
const replacementsOf = ({ mains, work }: VendorRoot): readonly Replacement[] => [
  ...mains.flatMap(({ file }) => file.replacements),
  ...(work?.replacements ?? []),
];

function unmarked(comparison: Comparison): Refusal[] {
  const { root, byKey, place, before114 } = comparison;
  const check = (required: ModuleAt, where: string): Refusal[] => {
    if (byKey.get(keyOf(required))?.explicit) return [];
    if (!before114) return [inconsistent(where, `${nameOf(required)} marked as explicit in ${place}`, 'no such mark')];
    const vendored = versionWithPackages(comparison, required.path);
    return vendored === undefined || vendored === required.version
      ? []
      : [inconsistent(where, `${nameOf(required)} in ${place}`, `${required.path}@${vendored}`)];
  };
  return root.mains.flatMap(({ directory, file }) =>
    file.requirements.flatMap((required) => check(required, `${below(directory, 'go.mod')}:${required.line}`)),
  );
}

const isSame = (a: ReplacedBy, b: ReplacedBy) => a.path === b.path && a.version === b.version;

/** Every replacement counts, also one that no vendored module needs: it can change which versions are selected. */
function wrongReplacements(comparison: Comparison): Refusal[] {
  const { root, byKey, place, before114 } = comparison;
  const seen = new Set<string>();
  const check = (old: Versions): Refusal[] => {
    if (seen.has(keyOf(old))) return [];
    seen.add(keyOf(old));
    const replaced = replacedIn(root, old);
    const marked = byKey.get(keyOf(old))?.replacement;
    if (!replaced || (marked && isSame(marked, replaced.by))) return [];
    const mayLack =
      before114 && (old.version === undefined || versionWithPackages(comparison, old.path) !== old.version);
    if (!marked && mayLack) return [];
    const expected = `${nameOf(old)} => ${nameOf(replaced.by)} in ${place}`;
    return [inconsistent(replaced.place, expected, marked ? `=> ${nameOf(marked)}` : 'no replacement')];
  };
  return replacementsOf(root).flatMap(check);
}

/**
 * Replacements of the listed versions. The go command compares what go.mod replaces, word for word: where that is every
 * version of a module, the line of the vendored one may name anything. It is what the bytes are compared with.
 */
function wrongReplacementMark({ root, place }: Comparison, module: VendoredModule): Refusal[] {
  const { replacement: marked } = module;
  const where = `${place}:${module.line}`;
  const replaced = replacedIn(root, module);
  if (!replaced)
    return marked ? [inconsistent(where, `${nameOf(module)} replaced in go.mod`, `=> ${nameOf(marked)}`)] : [];
  const isNamed = replacementsOf(root).some((each) => keyOf(each) === keyOf(module));
  if (isNamed || (marked && isSame(marked, replaced.by))) return [];
  const expected = `${nameOf(module)} => ${nameOf(replaced.by)}, as in ${replaced.place}`;
  return [inconsistent(where, expected, marked ? `=> ${nameOf(marked)}` : 'no replacement')];
}

function wrongMarks(comparison: Comparison): Refusal[] {
  const { root, modules, place } = comparison;
  const required = new Set(root.mains.flatMap(({ file }) => file.requirements.map(keyOf)));
  return modules.flatMap((module) => {
    const isInvented = module.explicit && module.packages.length > 0 && !required.has(keyOf(module));
    const invented = isInvented
      ? [
          inconsistent(
            `${place}:${module.line}`,
            `${nameOf(module)} required in go.mod`,
            'marked as explicit, and not required',
          ),
        ]
      : [];
    return [...invented, ...wrongReplacementMark(comparison, module)];
  });
}

/** The go line that decides how vendor folders are made; `''`: there is none. */
export function goLineOf({ mains, work }: VendorRoot): string {
  return (work ? work.go : mains[0]?.file.go) ?? '';
}

/** Every way in which the two differ, in the go command's order: go.mod first, then modules.txt. */
export function inconsistencies(root: VendorRoot, { modules }: ModulesTxt): Refusal[] {
  const comparison: Comparison = {
    root,
    modules,
    byKey: new Map(modules.map((module) => [keyOf(module), module])),
    place: below(root.folder, 'vendor/modules.txt'),
    before114: !root.work && compareGoVersions(goLineOf(root), SINCE_EXPLICIT) < 0,
  };
  return [...unmarked(comparison), ...wrongReplacements(comparison), ...wrongMarks(comparison)];
}
