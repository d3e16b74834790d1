import type { Sha256Hex } from '../../events/fields.ts';
import type { GoFileFacts } from '../goimports/go-file.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import type { BinaryObject, TreeFacts } from './module-facts.ts';

/** What policy looks for among the files of a module. */

interface ModuleFile {
  /** Relative to the module's folder. */
  readonly path: string;
  readonly sha256?: Sha256Hex;
}

type GoFile = { readonly path: string } & Pick<GoFileFacts, 'cgo' | 'linknames'>;

/** Assembly for Go's assembler, and for that of C where cgo is on. */
const ASSEMBLY = /\.(?:s|S|sx)$/;

/** Folders that no build of the module reads: other modules' copies, data of tests, what begins with `_` or `.`. */
export const isBuilt = (path: string): boolean =>
  path
    .split('/')
    .every((element, at, all) =>
      at === all.length - 1 ? !/^[_.]/.test(element) : !/^(?:[_.].*|vendor|testdata)$/.test(element),
    );

/** Binary objects of one module, in the order of the files. */
export function objectsOf(files: readonly ModuleFile[], goFiles: readonly GoFile[]): BinaryObject[] {
  const ofFiles = files
    .filter(({ path }) => isBuilt(path))
    .flatMap(({ path, sha256 }): BinaryObject[] => {
      if (path.endsWith('.syso')) return [{ kind: 'syso', path, ...(sha256 === undefined ? {} : { sha256 }) }];
      return ASSEMBLY.test(path) ? [{ kind: 'assembly', path }] : [];
    });
  const ofGo = goFiles
    .filter(({ path }) => isBuilt(path))
    .flatMap(({ path, cgo, linknames }): BinaryObject[] => [
      ...(cgo.length > 0 ? [{ kind: 'ldflags' as const, path }] : []),
      ...(linknames > 0 ? [{ kind: 'linkname' as const, path }] : []),
    ]);
  return [...ofFiles, ...ofGo];
}

/** The files below a folder that belong to the module there: a go.mod further down begins another one. */
function ownFiles<File extends { readonly path: string }>(
  files: readonly File[],
  folder: string,
  nested: readonly string[],
) {
  return files
    .filter(({ path }) => path.startsWith(folder) && !nested.some((other) => path.startsWith(other)))
    .map((file) => ({ ...file, path: file.path.slice(folder.length) }));
}

/** What policy needs to know of a source tree. go.work counts in the module's folder and in every folder above it. */
export function treeFactsOf({ directory, files, go }: Pick<SourceFacts, 'directory' | 'files' | 'go'>): TreeFacts {
  const folder = directory === '' ? '' : `${directory}/`;
  const nested = files
    .filter(({ path }) => path.startsWith(folder) && path.endsWith('/go.mod') && path !== `${folder}go.mod`)
    .map(({ path }) => path.slice(0, -'go.mod'.length));
  const above = new Set([
    'go.work',
    ...directory.split('/').map((_, at, all) => `${all.slice(0, at + 1).join('/')}/go.work`),
  ]);
  return {
    goWork: files
      .map(({ path }) => path)
      .filter((path) => above.has(path))
      .sort(),
    objects: objectsOf(ownFiles(files, folder, nested), ownFiles(go, folder, nested)),
  };
}
