import type { MainModule } from '../buildlist/main-modules.ts';
import { parseGoMod } from '../gosum/go-mod.ts';
import type { GoModProblem } from '../gosum/go-mod-lexer.ts';
import { type GoWorkFile, parseGoWork } from '../gosum/go-work.ts';
import type { SourceFacts } from '../source/source-facts.ts';
import { below, folderAt, folderOf } from '../source/tree-path.ts';
import type { Refusal } from '../verdict.ts';

/** Which vendor folders a release may be built with, and for whom they were made. */

/** A folder with go.mod or go.work, in which the go command looks for `vendor`. */
export interface VendorRoot {
  readonly folder: string;
  /** The module of this folder, or those that its go.work uses. */
  readonly mains: readonly MainModule[];
  /** Present: the vendor folder is the workspace's. */
  readonly work?: GoWorkFile;
}

type Read<T> = T | { readonly refusal: Refusal };

/** The text of a file that `SourceFacts` keeps. */
export const textAt = ({ texts }: SourceFacts, path: string): string | undefined =>
  texts.find((each) => each.path === path)?.text;

export const notChecked = (where: string, expected: string, found: string, fix: string): Refusal => ({
  code: 'vendor.not-checked',
  where: where.slice(0, 1024),
  expected: expected.slice(0, 1024),
  found: found.slice(0, 1024),
  fix,
});

const unread = (path: string, { line, column, expected, found }: GoModProblem): { refusal: Refusal } => ({
  refusal: notChecked(
    `${path}:${line}:${column}`,
    expected,
    found,
    'Correct the file: without it nothing can be compared.',
  ),
});

function mainAt(facts: SourceFacts, directory: string | undefined, namedBy: string): Read<MainModule> {
  const path = below(directory ?? '..', 'go.mod');
  const text = textAt(facts, path);
  if (directory === undefined || text === undefined) {
    const fix = 'Keep every module that the vendor folder is for in the repository that is released.';
    return { refusal: notChecked(namedBy, 'a go.mod within the tree', `none at ${path}`, fix) };
  }
  const parsed = parseGoMod(text);
  return parsed.kind === 'parsed' ? { directory, file: parsed.file } : unread(path, parsed.problem);
}

/** The root of a workspace's vendor folder. */
export function workspaceRoot(facts: SourceFacts, folder: string): Read<VendorRoot> {
  const path = below(folder, 'go.work');
  const parsed = parseGoWork(textAt(facts, path) ?? '');
  if (parsed.kind === 'malformed') return unread(path, parsed.problem);
  const mains: MainModule[] = [];
  for (const { directory, line } of parsed.file.uses) {
    const main = mainAt(facts, folderAt(folder, directory), `${path}:${line}`);
    if ('refusal' in main) return main;
    mains.push(main);
  }
  return { folder, mains, work: parsed.file };
}

/** The root of a module's own vendor folder. */
export function moduleRoot(facts: SourceFacts, folder: string): Read<VendorRoot> {
  const main = mainAt(facts, folder, below(folder, 'vendor/modules.txt'));
  return 'refusal' in main ? main : { folder, mains: [main] };
}

/** Folders where a build of the released module would look for `vendor`: its own, and that of the go.work above it. */
export function vendorFolders(facts: SourceFacts): string[] {
  const folders = [facts.directory];
  for (let folder = facts.directory; ; folder = folderOf(folder)) {
    if (textAt(facts, below(folder, 'go.work')) !== undefined) folders.push(folder);
    if (folder === '' || folders.length > 1) break;
  }
  return [...new Set(folders)].filter((folder) =>
    facts.files.some(({ path }) => path.startsWith(below(folder, 'vendor/'))),
  );
}
