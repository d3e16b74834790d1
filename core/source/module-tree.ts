import { compareGoVersions } from '../buildlist/module-order.ts';
import { filePathProblem, foldOf } from '../gosum/module-path.ts';
import type { SourceFile } from '../ports/source-host.ts';
import type { Refusal } from '../verdict.ts';

/**
 * Which files of a tree make up a module zip: the rules of golang.org/x/mod/zip (`checkFiles`) and of the go command's
 * `codeRepo.Zip`, so that our hash of a tagged tree is the one a module proxy serves.
 */

const MAX_TREE_BYTES = 500 * 1024 * 1024;
const MAX_TEXT_BYTES = 16 * 1024 * 1024;

const inFolder = (files: readonly SourceFile[], directory: string): SourceFile[] =>
  directory === ''
    ? [...files]
    : files
        .filter(({ path }) => path.startsWith(`${directory}/`))
        .map(({ path, bytes }) => ({ path: path.slice(directory.length + 1), bytes }));

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);

/** From go 1.24 on the folder after `/vendor/` is found rightly (golang.org/issue/37397) and modules.txt is left out. */
function isVendored(path: string, since124: boolean): boolean {
  if (since124 && path === 'vendor/modules.txt') return true;
  if (path.startsWith('vendor/')) return path.slice('vendor/'.length).includes('/');
  const nested = path.indexOf('/vendor/');
  return nested >= 0 && path.slice((since124 ? nested : 0) + '/vendor/'.length).includes('/');
}

/** Folders below the root with a go.mod of their own, in any case. */
function nestedModules(files: readonly SourceFile[]): (path: string) => boolean {
  const folders = new Set(
    files
      .map(({ path }) => path)
      .filter((path) => /(^|\/)go\.mod$/i.test(path))
      .map(folderOf),
  );
  return (path) => {
    for (let folder = folderOf(path); folder !== ''; folder = folderOf(folder.slice(0, -1)))
      if (folders.has(folder)) return true;
    return false;
  };
}

/** The path that is equal to this one, or to one of its folders, but for case; and files that are folders too. */
function collisionChecker(): (path: string) => string | undefined {
  const seen = new Map<string, { path: string; folder: boolean }>();
  return (file) => {
    let collision: string | undefined;
    for (let path = file, folder = false; path !== ''; path = folderOf(path).slice(0, -1), folder = true) {
      const fold = foldOf(path);
      const other = seen.get(fold);
      if (!other) seen.set(fold, { path, folder });
      else if (other.path !== path || other.folder !== folder || !folder) collision = other.path;
    }
    return collision;
  };
}

const refusal = (code: string, where: string, fix: string, found?: string): Refusal => ({
  code,
  where: where.slice(0, 1024),
  ...(found === undefined ? {} : { found: found.slice(0, 1024) }),
  fix,
});

function problemOf(file: SourceFile, collisionOf: (path: string) => string | undefined): Refusal | undefined {
  const { path, bytes } = file;
  const problem = filePathProblem(path);
  if (problem !== undefined)
    return refusal(
      'source.file-name',
      path,
      'Rename the file: the go command allows no such name in a module.',
      problem,
    );
  if (path !== 'go.mod' && path.toLowerCase() === 'go.mod')
    return refusal('source.file-name', path, 'Name the file go.mod, in lower case.');
  const other = collisionOf(path);
  if (other !== undefined)
    return refusal('source.file-collision', path, 'Rename one of the files: they differ in case only.', other);
  if ((path === 'go.mod' || path === 'LICENSE') && bytes.length > MAX_TEXT_BYTES)
    return refusal('source.too-large', path, `Keep the file within ${MAX_TEXT_BYTES} bytes.`, `${bytes.length} bytes`);
  return undefined;
}

export interface ModuleTree {
  /** Regular files of the module, paths relative to its folder. */
  readonly files: readonly SourceFile[];
  readonly refusals: readonly Refusal[];
}

/**
 * The files of the module in `directory` of a tree. `goVersion` is the value of its go.mod's go line. Refused where the
 * go command would make no zip of it.
 */
export function moduleTree(tree: readonly SourceFile[], directory: string, goVersion: string | undefined): ModuleTree {
  const files = inFolder(tree, directory);
  const license = tree.find(({ path }) => path === 'LICENSE');
  if (license && !files.some(({ path }) => path === 'LICENSE')) files.push(license);
  const since124 = compareGoVersions(goVersion ?? '', '1.24') >= 0;
  const isNested = nestedModules(files);
  const own = files.filter(({ path }) => !isVendored(path, since124) && !isNested(path) && path !== '.hg_archival.txt');
  const collisionOf = collisionChecker();
  const refusals = own.flatMap((file) => problemOf(file, collisionOf) ?? []);
  const total = own.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (total > MAX_TREE_BYTES)
    refusals.push(
      refusal(
        'source.too-large',
        directory || '.',
        `Keep the module within ${MAX_TREE_BYTES} bytes.`,
        `${total} bytes`,
      ),
    );
  return { files: own, refusals };
}
