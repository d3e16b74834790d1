import { elementMatches, filePathProblem } from '../gosum/module-path.ts';

/** Files that `//go:embed` patterns name, by the go command's rules (cmd/go/internal/load, `ResolveEmbed`). */

const VERSION_CONTROL = new Set(['.bzr', '.git', '.hg', '.svn']);

/** Thrown where the go command resolves no pattern of the package. */
class PatternUnresolved extends Error {
  override readonly name = 'PatternUnresolved';
}

const unresolved = (pattern: string): never => {
  throw new PatternUnresolved(pattern);
};
const isBadName = (name: string) => VERSION_CONTROL.has(name) || filePathProblem(name) !== undefined;
const isHidden = (name: string) => name.startsWith('.') || name.startsWith('_');

/** The files below a package's folder, paths relative to it, and what can be asked of them. */
interface Folder {
  readonly files: readonly string[];
  /** Files and folders by the number of their path elements. */
  entries(depth: number): readonly string[];
  isFile(path: string): boolean;
}

function folderOf(files: readonly string[]): Folder {
  const known = new Set(files);
  const byDepth = new Map<number, Set<string>>();
  for (const file of files)
    for (
      let end = file.length, depth = file.split('/').length;
      depth > 0;
      end = file.lastIndexOf('/', end - 1), depth -= 1
    ) {
      const entries = byDepth.get(depth) ?? new Set();
      byDepth.set(depth, entries.add(file.slice(0, end)));
    }
  return {
    files,
    entries: (depth) => [...(byDepth.get(depth) ?? [])],
    isFile: (path) => known.has(path),
  };
}

/** The path and the folders above it, nearest last. */
const withFolders = (path: string): string[] => {
  const elements = path.split('/');
  return elements.map((_, at) => elements.slice(0, at + 1).join('/'));
};

/** Whether a file of a named folder is left out: hidden, in another module, or with a name that no module may hold. */
function isLeftOut({ isFile }: Folder, file: string, top: string, all: boolean): boolean {
  return withFolders(file)
    .filter((path) => path.length > top.length)
    .some((path) => {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (path !== file) return isBadName(name) || (isHidden(name) && !all) || isFile(`${path}/go.mod`);
      if (isBadName(name) && !isHidden(name)) unresolved(file);
      return isHidden(name) && (!all || isBadName(name));
    });
}

function filesOfMatch(folder: Folder, match: string, all: boolean): string[] {
  for (const path of withFolders(match)) {
    const name = path.slice(path.lastIndexOf('/') + 1);
    if (folder.isFile(`${path}/go.mod`) || isBadName(name)) unresolved(match);
  }
  if (folder.isFile(match)) return [match];
  const files = folder.files.filter((file) => file.startsWith(`${match}/`) && !isLeftOut(folder, file, match, all));
  return files.length > 0 ? files : unresolved(match);
}

function filesOfPattern(folder: Folder, pattern: string): string[] {
  const all = pattern.startsWith('all:');
  const globs = (all ? pattern.slice('all:'.length) : pattern).split('/');
  if (globs.some((glob) => glob === '' || glob === '.' || glob === '..')) unresolved(pattern);
  const matches = folder.entries(globs.length).filter((entry) => {
    const elements = entry.split('/');
    return globs.every((glob, at) => elementMatches(glob, elements[at] ?? ''));
  });
  return matches.length > 0 ? matches.flatMap((match) => filesOfMatch(folder, match, all)) : unresolved(pattern);
}

/**
 * The files that the patterns name among `files`, all relative to the folder of the package. None at all where one
 * pattern names nothing or what may not be embedded: the go command then reports the package and copies none.
 */
export function embeddedFiles(files: readonly string[], patterns: readonly string[]): string[] {
  const folder = folderOf(files);
  try {
    return [...new Set(patterns.flatMap((pattern) => filesOfPattern(folder, pattern)))];
  } catch (error) {
    if (error instanceof PatternUnresolved) return [];
    throw error;
  }
}
