import { type Dirent, existsSync } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { ModulePath, ModuleVersion } from '../core/brands.ts';
import { TREE_LIMITS } from '../core/git/repository.ts';
import { h1OfGoMod } from '../core/gosum/dirhash.ts';
import { isCanonicalVersion } from '../core/gosum/go-version.ts';
import { modulePathProblem } from '../core/gosum/module-path.ts';
import { type OpenedModuleZip, openModuleZip } from '../core/gosum/module-zip.ts';
import type { ModuleInputs } from '../core/gosum/verify-modules.ts';
import { ZipInvalid } from '../core/gosum/zip-directory.ts';
import type { ModuleSource } from '../core/ports/module-source.ts';
import type { SourceFile } from '../core/ports/source-host.ts';
import { type SourceFacts, sourceFactsOf } from '../core/source/source-facts.ts';
import type { Refusal } from '../core/verdict.ts';
import { UsageError } from './command.ts';
import { isMissing } from './missing.ts';

/** What is to be checked: a folder as it lies there, or a version as the proxy has it. */

export type ModuleTarget =
  | { readonly kind: 'folder'; readonly folder: string }
  | { readonly kind: 'version'; readonly path: ModulePath; readonly version: ModuleVersion };

/** A target that was read; its facts are those of the whole tree. */
export type ReadTarget = (ModuleInputs & { readonly facts: SourceFacts }) | { readonly reasons: readonly Refusal[] };

/** A folder that is there is one even when its name has an `@`. */
export async function moduleTargetOf(argument: string): Promise<ModuleTarget> {
  const found = await stat(argument).catch((error: unknown) => {
    if (isMissing(error)) return undefined;
    throw unreadable(argument, error);
  });
  if (found?.isDirectory()) return { kind: 'folder', folder: argument };
  const at = argument.lastIndexOf('@');
  const [path, version] = [argument.slice(0, Math.max(at, 0)), argument.slice(at + 1)];
  if (at < 0) throw new UsageError(`${argument} is no folder, and no MODULE@VERSION`);
  if (modulePathProblem(path) !== undefined)
    throw new UsageError(`${path} is no module path and ${argument} no folder`);
  if (!isCanonicalVersion(version)) throw new UsageError(`${version} is no full module version: write v1.2.3`);
  return { kind: 'version', path: ModulePath.parse(path), version: ModuleVersion.parse(version) };
}

const unreadable = (path: string, error: unknown) =>
  new UsageError(`${path}: ${error instanceof Error ? error.message : 'cannot be read'}`);

/** The folder of the repository that a folder lies in; itself where it is in none. */
function treeRoot(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) return at;
    if (dirname(at) === at) return folder;
  }
}

class TreeReader {
  readonly files: SourceFile[] = [];
  readonly #root: string;
  readonly #signal: AbortSignal;
  #bytes = 0;

  constructor(root: string, signal: AbortSignal) {
    this.#root = root;
    this.#signal = signal;
  }

  /** Reads a folder below the root, `/` at its end; the repository's own files, links and submodules are left out. */
  async read(prefix: string): Promise<void> {
    this.#signal.throwIfAborted();
    const entries = await readdir(join(this.#root, prefix), { withFileTypes: true });
    if (prefix !== '' && entries.some(({ name }) => name === '.git')) return;
    for (const entry of entries.filter(({ name }) => name !== '.git')) await this.#take(prefix, entry);
  }

  async #take(prefix: string, entry: Dirent): Promise<void> {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return this.read(`${path}/`);
    if (!entry.isFile()) return;
    const file = join(this.#root, path);
    this.#bytes += (await stat(file)).size;
    if (this.#bytes > TREE_LIMITS.bytes || this.files.length >= TREE_LIMITS.files)
      throw new UsageError(
        `${this.#root} holds more than ${TREE_LIMITS.files} files or ${TREE_LIMITS.bytes} bytes: name a fresh checkout`,
      );
    this.files.push({ path, bytes: await readFile(file) });
  }
}

/** Every file below a folder. */
export async function readTree(root: string, signal: AbortSignal): Promise<readonly SourceFile[]> {
  const reader = new TreeReader(root, signal);
  try {
    await reader.read('');
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof UsageError ? error : unreadable(root, error);
  }
  return reader.files;
}

/** Which repository a folder lies in, and where; `''` is its root. */
export function placeOf(folder: string): { readonly root: string; readonly directory: string } {
  const root = treeRoot(resolve(folder));
  return { root, directory: relative(root, resolve(folder)).split(sep).join('/') };
}

/** A module of a folder, with the whole repository around it: replacements and vendored code may lie there. */
export async function readFolder(folder: string, signal: AbortSignal): Promise<ReadTarget> {
  const goModFile = join(folder, 'go.mod');
  if (!existsSync(goModFile)) throw new UsageError(`${goModFile} is missing: name the folder of a Go module`);
  const { root, directory } = placeOf(folder);
  const tree = await readTree(root, signal);
  const at = (name: string) => tree.find(({ path }) => path === (directory === '' ? name : `${directory}/${name}`));
  const goMod = at('go.mod')?.bytes;
  if (!goMod) throw new UsageError(`${goModFile} is no regular file`);
  const made = sourceFactsOf(tree, directory);
  if (made.kind === 'refused') return { reasons: made.reasons };
  return { goMod, goSum: at('go.sum')?.bytes, released: undefined, facts: made.facts };
}

const unusable = (where: string, expected: string, found: string): { reasons: readonly Refusal[] } => ({
  reasons: [
    {
      code: 'gosum.module-missing',
      where: where.slice(0, 1024),
      expected,
      found: found.slice(0, 1024),
      fix: 'Check the spelling, or ask a proxy that has this version (GOPROXY).',
    },
  ],
});

async function filesOf({ files, content }: OpenedModuleZip): Promise<SourceFile[]> {
  const read: SourceFile[] = [];
  for (const file of files) {
    const pieces: Uint8Array[] = [];
    for await (const piece of content(file)) pieces.push(Uint8Array.from(piece));
    read.push({ path: file.path, bytes: Buffer.concat(pieces) });
  }
  return read;
}

/** The files and both hashes of a version that is public already. */
export async function readVersion(
  modules: ModuleSource,
  path: ModulePath,
  version: ModuleVersion,
): Promise<ReadTarget> {
  const where = `${path}@${version}`;
  const goMod = await modules.goMod(path, version);
  const zip = goMod && (await modules.zip(path, version));
  if (!zip) return unusable(where, 'a go.mod file and a zip', 'the module proxy says that there is none');
  try {
    const opened = await openModuleZip(zip, path, version);
    const released = { path, version, zipH1: await opened.h1(), goModH1: h1OfGoMod(goMod), published: true };
    const tree = await filesOf(opened);
    const made = sourceFactsOf(tree, '');
    if (made.kind === 'refused') return { reasons: made.reasons };
    return { goMod, goSum: tree.find((file) => file.path === 'go.sum')?.bytes, released, facts: made.facts };
  } catch (error) {
    if (error instanceof ZipInvalid) return unusable(where, 'a valid module zip', error.message);
    throw error;
  } finally {
    await zip.release();
  }
}
