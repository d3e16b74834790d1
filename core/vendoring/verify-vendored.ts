import type { Sha256Hex } from '../../events/fields.ts';
import { compareGoVersions } from '../buildlist/module-order.ts';
import { mapBounded } from '../gosum/bounded.ts';
import { modulesByLines, statedH1 } from '../gosum/cached-modules.ts';
import { type GoSumLine, parseGoSum } from '../gosum/go-sum.ts';
import type { ModuleCache } from '../ports/module-cache.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import { below, folderOf } from '../source/tree-path.ts';
import type { Refusal } from '../verdict.ts';
import { goLineOf, inconsistencies, inconsistent } from './consistency.ts';
import { type ModulesTxtProblem, parseModulesTxt, type VendoredModule } from './modules-txt.ts';
import { type ProvidedModule, type ProvidedModuleDeps, withProvidedModule } from './provided-module.ts';
import { moduleRoot, textAt, type VendorRoot, vendorFolders, workspaceRoot } from './vendor-folder.ts';
import { type Copied, vendoredFiles } from './vendored-files.ts';

/** Vendored code is the modules' own: modules.txt agrees with go.mod, and every file with what it was copied from. */

/** One vendor folder that was looked at. */
export interface VerifiedFolder {
  /** `vendor`, or `<folder>/vendor`. */
  readonly folder: string;
  readonly workspace: boolean;
  /** Modules with packages in it. */
  readonly modules: number;
  readonly packages: number;
  readonly files: number;
}

export interface VerifyVendoredDeps extends ProvidedModuleDeps {
  /** Keeps what was fetched, by its h1; absent: everything is fetched each time. */
  readonly cache?: ModuleCache;
}

export interface VendorVerification {
  readonly reasons: readonly Refusal[];
  /** Empty: nothing is vendored. */
  readonly folders: readonly VerifiedFolder[];
}

/** Zips are read several at once; hashing them is bound elsewhere. */
const MAX_MODULES = 4;
/** Since then modules.txt states the go line of each module. */
const SINCE_GO_LINES = '1.17';
const SHOWN_REASONS = 10_000;

/** What one vendored file should be. */
interface ExpectedFile {
  readonly sha256: Sha256Hex;
  /** Where it was copied from. */
  readonly of: string;
  readonly copied: Copied;
}
interface Expectation {
  readonly reasons: readonly Refusal[];
  /** By path below `vendor/`. */
  readonly files: ReadonlyMap<string, ExpectedFile>;
}

const bytes = (kind: 'missing' | 'changed' | 'extra', where: string, more: Pick<Refusal, 'expected' | 'found'>) => ({
  code: `vendor.bytes-${kind}`,
  where: where.slice(0, 1024),
  ...more,
  fix: 'Find out who changed the file; run `go mod vendor` again and commit what it writes.',
});
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const placeOf = ({ folder }: VendorRoot) => below(folder, 'vendor/modules.txt');
const digest = (sha256: Sha256Hex, of: string) => `sha256:${sha256} of ${of}`.slice(0, 1024);

const malformed = (place: string, { line, expected, found }: ModulesTxtProblem): Refusal => ({
  code: 'vendor.modules-txt-malformed',
  where: `${place}:${line}`.slice(0, 1024),
  expected: expected.slice(0, 1024),
  found: found.slice(0, 1024),
  fix: 'Run `go mod vendor` (in a workspace `go work vendor`) and commit what it writes; never edit the file.',
});

/** Hashes of the vendored files by their paths below `vendor/`, modules.txt left out. */
function vendoredHashes({ files }: SourceFacts, folder: string): ReadonlyMap<string, Sha256Hex> {
  const prefix = below(folder, 'vendor/');
  const vendored = files.filter(({ path }) => path.startsWith(prefix) && path !== `${prefix}modules.txt`);
  return new Map(vendored.map(({ path, sha256 }) => [path.slice(prefix.length), sha256]));
}

/** Whose vendor folder it says it is; a workspace needs a go.work, a module a go.mod in the same folder. */
function rootOf(facts: SourceFacts, folder: string, workspace: boolean): VendorRoot | { readonly refusal: Refusal } {
  const [wanted, other] = workspace ? ['go.work', 'a workspace'] : ['go.mod', 'a module'];
  if (textAt(facts, below(folder, wanted)) !== undefined)
    return workspace ? workspaceRoot(facts, folder) : moduleRoot(facts, folder);
  const where = below(folder, 'vendor/modules.txt');
  return { refusal: inconsistent(where, `${below(folder, wanted)} in the tree`, `the vendor folder of ${other}`) };
}

/** The go line in modules.txt decides the language that the module is compiled as. */
function wrongGoLine(where: string, goLine: string, module: VendoredModule, provided: ProvidedModule): Refusal[] {
  const expected = compareGoVersions(goLine, SINCE_GO_LINES) >= 0 ? provided.go : undefined;
  if (module.go === expected) return [];
  const lineOf = (go: string | undefined) => (go === undefined ? 'no go version' : `go ${go}`);
  return [inconsistent(where, `${lineOf(expected)}, as in the go.mod of ${provided.name}`, lineOf(module.go))];
}

function absentPackages(where: string, module: VendoredModule, { files, name }: ProvidedModule): Refusal[] {
  const folders = new Set(files.paths.map(folderOf));
  return module.packages
    .filter((path) => !folders.has(path.slice(module.path.length + 1)))
    .map((path) => inconsistent(where, `packages of ${name}`, `${path}, which it does not have`));
}

async function expectationOf(root: VendorRoot, module: VendoredModule, provided: ProvidedModule): Promise<Expectation> {
  const where = `${placeOf(root)}:${module.line}`;
  const goLine = goLineOf(root);
  const files = new Map<string, ExpectedFile>();
  for (const [path, copied] of await vendoredFiles(provided.files, module, goLine)) {
    const { sha256 } = await provided.files.read(path);
    files.set(`${module.path}/${path}`, { sha256, of: provided.name, copied });
  }
  const reasons = [...wrongGoLine(where, goLine, module, provided), ...absentPackages(where, module, provided)];
  return { reasons, files };
}

/** Compares path by path, in byte order. `unchecked`: folders of which nothing is known. */
function compare(
  root: VendorRoot,
  expected: ReadonlyMap<string, ExpectedFile>,
  found: ReadonlyMap<string, Sha256Hex>,
  unchecked: readonly string[],
): Refusal[] {
  const paths = [...new Set([...expected.keys(), ...found.keys()])].sort(byBytes);
  return paths.flatMap((path) => {
    const where = below(root.folder, `vendor/${path}`);
    const wanted = expected.get(path);
    const actual = found.get(path);
    const foundDigest = actual === undefined ? 'no such file' : digest(actual, 'the vendored file');
    if (!wanted) {
      if (unchecked.some((folder) => path.startsWith(folder))) return [];
      return [bytes('extra', where, { expected: 'only files that vendoring copies', found: foundDigest })];
    }
    if (actual === wanted.sha256 || (actual === undefined && wanted.copied === 'optional')) return [];
    const kind = actual === undefined ? 'missing' : 'changed';
    return [bytes(kind, where, { expected: digest(wanted.sha256, wanted.of), found: foundDigest })];
  });
}

/** Lines of every go.sum that a build of this root reads. */
function linesOf(facts: SourceFacts, root: VendorRoot): GoSumLine[] {
  const sums = root.mains.map(({ directory }) => below(directory, 'go.sum'));
  const texts = [...sums, below(root.folder, 'go.work.sum')].map((path) => textAt(facts, path) ?? '');
  return texts.flatMap((text) => parseGoSum(text).lines);
}

async function compareBytes(
  deps: VerifyVendoredDeps,
  facts: SourceFacts,
  root: VendorRoot,
  modules: readonly VendoredModule[],
): Promise<Refusal[]> {
  const lines = linesOf(facts, root);
  const all = { ...modulesByLines(deps, lines), facts, stated: statedH1(lines) };
  const results = await mapBounded(modules, MAX_MODULES, (module) =>
    withProvidedModule(all, root, module, (provided) => expectationOf(root, module, provided)),
  );
  const reasons: Refusal[] = [];
  const unchecked: string[] = [];
  const expected = new Map<string, ExpectedFile>();
  for (const [at, result] of results.entries()) {
    if ('refusal' in result) {
      reasons.push(result.refusal);
      unchecked.push(`${modules[at]?.path}/`);
      continue;
    }
    reasons.push(...result.reasons);
    // A nested module comes later, and writes over what the one around it left in its folder.
    for (const [path, file] of result.files) expected.set(path, file);
  }
  return [...reasons, ...compare(root, expected, vendoredHashes(facts, root.folder), unchecked)];
}

interface FolderVerification {
  readonly reasons: readonly Refusal[];
  readonly folder: VerifiedFolder;
}

async function verifyFolder(deps: VerifyVendoredDeps, facts: SourceFacts, folder: string): Promise<FolderVerification> {
  const place = below(folder, 'vendor/modules.txt');
  const files = vendoredHashes(facts, folder).size;
  const nothing = { folder: below(folder, 'vendor'), workspace: false, modules: 0, packages: 0, files };
  const text = textAt(facts, place);
  if (text === undefined) {
    const fix = 'Run `go mod vendor` and commit what it writes, or remove the vendor folder.';
    return { reasons: [{ code: 'vendor.modules-txt-missing', where: place.slice(0, 1024), fix }], folder: nothing };
  }
  const parsed = parseModulesTxt(text);
  if (parsed.kind === 'malformed') return { reasons: [malformed(place, parsed.problem)], folder: nothing };
  const { workspace, modules } = parsed.file;
  const providers = modules.filter((module) => module.packages.length > 0);
  const packages = providers.reduce((sum, module) => sum + module.packages.length, 0);
  const verified = { ...nothing, workspace, modules: providers.length, packages };
  const root = rootOf(facts, folder, workspace);
  if ('refusal' in root) return { reasons: [root.refusal], folder: verified };
  const reasons = [...inconsistencies(root, parsed.file), ...(await compareBytes(deps, facts, root, providers))];
  return { reasons, folder: verified };
}

/** Judges every vendor folder that a build of the released module could use. Nothing vendored: nothing is wrong. */
export async function verifyVendored(deps: VerifyVendoredDeps, facts: SourceFacts): Promise<VendorVerification> {
  const reasons: Refusal[] = [];
  const folders: VerifiedFolder[] = [];
  for (const folder of vendorFolders(facts)) {
    const verified = await verifyFolder(deps, facts, folder);
    reasons.push(...verified.reasons);
    folders.push(verified.folder);
  }
  return { reasons: reasons.slice(0, SHOWN_REASONS), folders };
}
