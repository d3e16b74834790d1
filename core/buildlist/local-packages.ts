import type { GoFileFacts } from '../goimports/go-file.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import { folderOf, nameOf } from '../source/tree-path.ts';
import type { FolderFiles } from './package-reader.ts';

/** The packages of the tree: those of main modules, and of folders that replace others. */
export interface LocalPackages {
  /** The Go files of a folder of the module in `directory`; none where another module lies between them. */
  files(directory: string, folder: string): FolderFiles;
  /** Folders below `directory`, relative to it, that belong to its module and that patterns match. */
  folders(directory: string, ignored: readonly string[]): string[];
  goModIn(directory: string): string | undefined;
}

export const joinFolder = (base: string, folder: string): string =>
  [base, folder].filter((each) => each !== '').join('/');

/** Where an `ignore` line hides a folder: `./x` from the module's own folder on, `x` at any depth. */
function isIgnored(folder: string, ignored: readonly string[]): boolean {
  return ignored.some((pattern) => {
    const path = pattern.replace(/^\.\//, '').replace(/\/+$/, '');
    const anywhere = !pattern.startsWith('./');
    return `${folder}/`.startsWith(`${path}/`) || (anywhere && `/${folder}/`.includes(`/${path}/`));
  });
}

export function localPackagesOf({ files, go, texts }: Pick<SourceFacts, 'files' | 'go' | 'texts'>): LocalPackages {
  const goMods = new Map(
    texts.flatMap(({ path, text }) => (nameOf(path) === 'go.mod' ? [[folderOf(path), text]] : [])),
  );
  const known = new Map<string, Map<string, GoFileFacts>>();
  for (const { path, ...facts } of go) {
    const inFolder = known.get(folderOf(path)) ?? new Map<string, GoFileFacts>();
    known.set(folderOf(path), inFolder.set(nameOf(path), facts));
  }
  // Of folders that patterns do not match, as testdata, only that they hold Go files is known.
  const withGoFiles = new Set(files.flatMap(({ path }) => (path.endsWith('.go') ? [folderOf(path)] : [])));

  const isOwn = (directory: string, folder: string): boolean => {
    const elements = folder === '' ? [] : folder.split('/');
    return elements.every((_, at) => !goMods.has(joinFolder(directory, elements.slice(0, at + 1).join('/'))));
  };

  return {
    files(directory, folder) {
      const path = joinFolder(directory, folder);
      if (!withGoFiles.has(path) || !isOwn(directory, folder)) return { kind: 'none' };
      return { kind: 'files', files: known.get(path) ?? new Map() };
    },
    folders(directory, ignored) {
      const prefix = directory === '' ? '' : `${directory}/`;
      return [...known.keys()]
        .filter((path) => path === directory || path.startsWith(prefix))
        .map((path) => path.slice(path === directory ? path.length : prefix.length))
        .filter((folder) => isOwn(directory, folder) && !isIgnored(folder, ignored))
        .sort();
    },
    goModIn: (directory) => goMods.get(directory),
  };
}
