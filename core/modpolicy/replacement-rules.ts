import type { Replacement } from '../gosum/go-mod.ts';
import { matchesPathPatterns } from '../gosum/module-path.ts';
import { folderAt } from '../source/tree-path.ts';
import { readPlaces } from './go-mod-places.ts';
import type { ModuleRule } from './rule.ts';
import { inVersionRanges } from './version-range.ts';

/** What go.mod turns into something else than it requires. */

const replaced = ({ path, version }: Replacement): string => (version === undefined ? path : `${path} ${version}`);

/** Whether a replacement's directory lies in the repository: bytes from outside it are of no commit. */
const isInRepository = (moduleDirectory: string, target: string): boolean =>
  folderAt(moduleDirectory, target) !== undefined;

const replaceDirectory: ModuleRule = {
  code: 'modpolicy.replace-directory',
  title: 'A module is replaced by a directory.',
  fix: 'Require the module at a version, or allow the directory under `replace-directory.allow` when it is in the repository.',
  settings: ['replace-directory'],
  judge: ({ goMod, directory }, policy) =>
    goMod.replacements.flatMap((replacement) => {
      const { target, line } = replacement;
      if (target.kind !== 'directory') return [];
      const inside = isInRepository(directory, target.directory);
      if (inside && policy['replace-directory'].allow.includes(target.directory)) return [];
      const expected = inside ? 'no directory' : 'no directory outside the repository';
      return [{ where: `go.mod:${line}`, expected, found: `${replaced(replacement)} => ${target.directory}` }];
    }),
};

const replaceModule: ModuleRule = {
  code: 'modpolicy.replace-module',
  title: 'A module is replaced by another one, or by another version of itself.',
  fix: 'Require what is meant, or allow the pair under `replace-module.allow`.',
  settings: ['replace-module'],
  judge: ({ goMod }, policy) =>
    goMod.replacements.flatMap((replacement) => {
      const { path, target, line } = replacement;
      if (target.kind !== 'module') return [];
      const isAllowed = policy['replace-module'].allow.some(
        (pair) =>
          matchesPathPatterns([pair.path], path) &&
          matchesPathPatterns([pair.target], target.path) &&
          inVersionRanges(pair.versions, target.version),
      );
      if (isAllowed) return [];
      const found = `${replaced(replacement)} => ${target.path} ${target.version}`;
      return [{ where: `go.mod:${line}`, expected: 'no replacement', found }];
    }),
};

const exclude: ModuleRule = {
  code: 'modpolicy.exclude',
  title: 'A module version is excluded, so that the next higher one is built.',
  fix: 'Require a version that needs no exclusion, and take the exclude line away.',
  settings: ['exclude'],
  judge: ({ goMod, goModText }) => {
    const places = readPlaces(goModText);
    return goMod.exclusions.map(({ path, version }) => ({
      where: places.first('exclude', path, version),
      expected: 'no exclusion',
      found: `${path} ${version}`,
    }));
  },
};

export const REPLACEMENT_RULES: readonly ModuleRule[] = [replaceDirectory, replaceModule, exclude];
