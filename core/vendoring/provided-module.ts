import { ModulePath, ModuleVersion } from '../brands.ts';
import type { StatedH1 } from '../gosum/cached-modules.ts';
import { type ParsedDependencyGoMod, parseDependencyGoMod } from '../gosum/go-mod.ts';
import { goSumKey } from '../gosum/go-sum.ts';
import { joinedPieces, type OpenedModuleZip, openModuleZip } from '../gosum/module-zip.ts';
import { ZipInvalid } from '../gosum/zip-directory.ts';
import type { ModuleSource, ModuleZip } from '../ports/module-source.ts';
import type { ZipHasher } from '../ports/zip-hasher.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import { below, folderAt } from '../source/tree-path.ts';
import type { Refusal } from '../verdict.ts';
import { filesOfFolder, filesOfZip, type ModuleFiles } from './module-files.ts';
import type { VendoredModule } from './modules-txt.ts';
import { notChecked, textAt, type VendorRoot } from './vendor-folder.ts';

/** What a vendored module was copied from: a module zip that go.sum proves, or a directory of the released tree. */

export interface ProvidedModule {
  readonly files: ModuleFiles;
  /** `example.com/m@v1.0.0`, or the directory. */
  readonly name: string;
  /** Its go line; absent: none. */
  readonly go?: string;
}

export interface ProvidedModuleDeps {
  readonly modules: ModuleSource;
  readonly hasher: ZipHasher;
}

const MAX_GO_MOD_BYTES = 16 * 1024 * 1024;

const goLine = (parsed: ParsedDependencyGoMod): { go?: string } =>
  parsed.kind === 'parsed' && parsed.file.go !== undefined ? { go: parsed.file.go } : {};

function inTree(facts: SourceFacts, root: VendorRoot, directory: string, where: string): ProvidedModule | Refusal {
  const folder = folderAt(root.folder, directory);
  const text = folder === undefined ? undefined : textAt(facts, below(folder, 'go.mod'));
  if (folder === undefined || text === undefined) {
    const fix = 'Replace modules by directories of the same repository only, or by other module versions.';
    return notChecked(where, 'a directory of the released tree with a go.mod', directory, fix);
  }
  return { files: filesOfFolder(facts, folder), name: directory, ...goLine(parseDependencyGoMod(text)) };
}

async function goModOf(zip: OpenedModuleZip): Promise<{ go?: string }> {
  const file = zip.files.find(({ path }) => path === 'go.mod');
  if (!file || file.size > MAX_GO_MOD_BYTES) return {};
  return goLine(parseDependencyGoMod((await joinedPieces(zip.content(file))).toString('utf8')));
}

interface At {
  readonly path: ModulePath;
  readonly version: ModuleVersion;
  /** Line of modules.txt. */
  readonly where: string;
}

/** Why the zip at hand is not the one that go.sum names; `undefined`: it is. */
async function doubtOf(hasher: ZipHasher, stated: StatedH1, zip: ModuleZip, at: At): Promise<Refusal | undefined> {
  const { path, version, where } = at;
  const expected = stated(path, version, 'zip');
  const key = goSumKey(path, version, 'zip');
  if (!expected)
    return notChecked(where, `${key} h1:… in go.sum`, 'no such line', 'Run `go mod tidy` and review what it adds.');
  const hashed = await hasher.hash(zip, path, version);
  if (hashed.kind === 'hashed' && hashed.h1 === expected) return undefined;
  const found = hashed.kind === 'hashed' ? hashed.h1 : `an invalid zip: ${hashed.why}`;
  return notChecked(
    where,
    `${key} ${expected}`,
    found,
    'Find out who changed the line or the module, and verify again.',
  );
}

async function inZip(
  { hasher }: ProvidedModuleDeps,
  stated: StatedH1,
  zip: ModuleZip,
  at: At,
): Promise<ProvidedModule | Refusal> {
  const doubt = await doubtOf(hasher, stated, zip, at);
  if (doubt) return doubt;
  const opened = await openModuleZip(zip, at.path, at.version);
  return { files: filesOfZip(opened), name: `${at.path}@${at.version}`, ...(await goModOf(opened)) };
}

export interface Unprovided {
  readonly refusal: Refusal;
}
const unprovided = (...args: Parameters<typeof notChecked>): Unprovided => ({ refusal: notChecked(...args) });

/**
 * Hands what a module was copied from to `use`, for as long as that runs. Refused where it cannot be had or is not
 * proved; `ModuleProxyUnreachable` is thrown.
 */
export async function withProvidedModule<T extends object>(
  deps: ProvidedModuleDeps & { readonly facts: SourceFacts; readonly stated: StatedH1 },
  root: VendorRoot,
  module: VendoredModule,
  use: (provided: ProvidedModule) => Promise<T>,
): Promise<T | Unprovided> {
  const where = `${below(root.folder, 'vendor/modules.txt')}:${module.line}`;
  const { path, version } = module.replacement ?? module;
  if (version === undefined) {
    const provided = inTree(deps.facts, root, path, where);
    return 'code' in provided ? { refusal: provided } : use(provided);
  }
  const at: At = { path: ModulePath.parse(path), version: ModuleVersion.parse(version), where };
  const named = `the zip of ${path}@${version}`;
  const zip = await deps.modules.zip(at.path, at.version);
  if (!zip) return unprovided(where, named, 'no module proxy has it', 'Require a version that can be fetched.');
  try {
    const provided = await inZip(deps, deps.stated, zip, at);
    return 'code' in provided ? { refusal: provided } : await use(provided);
  } catch (error) {
    if (!(error instanceof ZipInvalid)) throw error;
    return unprovided(where, named, error.message, 'Ask whoever runs the module proxy.');
  } finally {
    await zip.release();
  }
}
