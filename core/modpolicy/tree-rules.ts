import { matchesPathPatterns } from '../gosum/module-path.ts';
import type { BinaryObject, ModuleFacts } from './module-facts.ts';
import { isReviewed } from './reviewed.ts';
import type { Finding, ModuleRule } from './rule.ts';

/** What lies in the tree of a release, and in modules that are new to it. */

const KINDS: Readonly<Record<BinaryObject['kind'], string>> = {
  syso: '.syso object',
  assembly: 'assembly file',
  ldflags: '#cgo LDFLAGS',
  linkname: '//go:linkname',
};

const keyOf = ({ kind, path, sha256 }: BinaryObject): string => `${kind} ${path} ${sha256 ?? ''}`;

/** Objects that were not there before; one whose bytes nobody can read is new when they changed. */
export function addedObjects(before: readonly BinaryObject[], now: readonly BinaryObject[]): BinaryObject[] {
  const known = new Set(before.map(keyOf));
  return now.filter((object) => !known.has(keyOf(object)));
}

/** One finding for each kind, with the first of its paths. */
function findingsOf(where: string, objects: readonly BinaryObject[]): Finding[] {
  return Object.entries(KINDS).flatMap(([kind, title]) => {
    const paths = objects
      .filter((object) => object.kind === kind)
      .map(({ path }) => path)
      .sort();
    const [first] = paths;
    if (first === undefined) return [];
    const more = paths.length > 1 ? ` and ${paths.length - 1} more` : '';
    return [{ where, expected: 'a reviewer of what is new', found: `${title}: ${first}${more}` }];
  });
}

function ownObjects({ tree, lastRelease, directory }: ModuleFacts): Finding[] {
  // A last release without facts is as good as none: everything is new.
  const added = addedObjects(lastRelease?.tree?.objects ?? [], tree?.objects ?? []);
  return findingsOf(directory === '' ? 'the release' : directory, added);
}

const binaryObject: ModuleRule = {
  code: 'modpolicy.binary-object',
  title: 'Code that is not compiled from Go, or that reaches around its rules, appears for the first time.',
  fix: 'Let somebody else than the author approve the change at its source host, or name the review under `reviewed`.',
  settings: ['binary-object'],
  judge: (facts, policy) => {
    if (isReviewed(facts, policy)) return [];
    if (facts.tree === undefined) return { notChecked: 'the files of the release' };
    if (facts.changed === undefined) return { notChecked: 'the files of the modules that are new' };
    const changed = facts.changed.filter(
      ({ module }) => !matchesPathPatterns(policy['binary-object'].allow, module.path),
    );
    return [
      ...ownObjects(facts),
      ...changed.flatMap(({ module, added }) => {
        const where = `${module.path}@${module.version}`;
        return added
          ? findingsOf(where, added)
          : [{ where, expected: 'files that can be read', found: 'an unreadable module' }];
      }),
    ];
  },
};

const goWork: ModuleRule = {
  code: 'modpolicy.go-work',
  title: 'A go.work file would decide what is built in place of go.mod.',
  fix: 'Take go.work out of the repository, or declare it under `go-work.declared`.',
  settings: ['go-work'],
  judge: ({ tree }, policy) =>
    tree === undefined
      ? { notChecked: 'the files of the release' }
      : tree.goWork
          .filter((path) => !policy['go-work'].declared.includes(path))
          .map((path) => ({ where: path, expected: 'no go.work file, or one that is declared', found: path })),
};

export const TREE_RULES: readonly ModuleRule[] = [binaryObject, goWork];
