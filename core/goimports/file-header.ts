import { type Constraint, parseGoBuild, parsePlusBuild } from './constraint.ts';
import { SPACE, trimSpace } from './white-space.ts';

/** Where a Go file may say for which builds it is: the go command's rules of `//go:build` and `// +build` lines. */

export interface HeaderConstraint {
  /** Absent: none. */
  readonly constraint?: Constraint;
  /** The go command takes a file with such lines into no build. */
  readonly problem?: string;
}

const GO_BUILD = new RegExp(`^//go:build(?:$|${SPACE}+(.*)$)`, 'su');
const PLUS_BUILD = new RegExp(`^//${SPACE}*\\+build(?:$|${SPACE}+(.*)$)`, 'su');

/** Skips comments in a line; gives whether one is still open, and whether there is other text. */
function pastComments(line: string, inBlock: boolean): { readonly inBlock: boolean; readonly hasText: boolean } {
  let rest = line;
  let open = inBlock;
  while (rest !== '') {
    if (open) {
      const end = rest.indexOf('*/');
      if (end < 0) return { inBlock: true, hasText: false };
      open = false;
      rest = trimSpace(rest.slice(end + 2));
    } else if (rest.startsWith('//')) return { inBlock: false, hasText: false };
    else if (rest.startsWith('/*')) {
      open = true;
      rest = trimSpace(rest.slice(2));
    } else return { inBlock: false, hasText: true };
  }
  return { inBlock: open, hasText: false };
}

interface HeaderLines {
  /** Expressions of `//go:build` lines before the package clause. */
  readonly goBuild: readonly string[];
  /** `// +build` lines count only above a blank line, in the first run of `//` comments. */
  readonly plusBuild: readonly string[];
}

function headerLines(text: string): HeaderLines {
  const goBuild: string[] = [];
  const above: string[] = [];
  let plusBuild: string[] = [];
  let inFirstRun = true;
  let inBlock = false;
  // What ends with a newline has no blank line behind it.
  for (const line of text.replace(/\n$/, '').split('\n').map(trimSpace)) {
    if (line === '' && inFirstRun) {
      plusBuild = [...plusBuild, ...above.splice(0)];
      continue;
    }
    if (!line.startsWith('//')) inFirstRun = false;
    const goBuildLine = inBlock ? null : GO_BUILD.exec(line);
    if (goBuildLine) goBuild.push(goBuildLine[1] ?? '');
    const plusBuildLine = inFirstRun ? PLUS_BUILD.exec(line) : null;
    if (plusBuildLine) above.push(plusBuildLine[1] ?? '');
    const passed = pastComments(line, inBlock);
    if (passed.hasText) break;
    inBlock = passed.inBlock;
  }
  return { goBuild, plusBuild };
}

export function readHeaderConstraint(text: string): HeaderConstraint {
  const { goBuild, plusBuild } = headerLines(text);
  const [line, second] = goBuild;
  if (second !== undefined) return { problem: 'more than one //go:build line' };
  if (line === undefined) {
    const constraint = parsePlusBuild(plusBuild);
    return constraint ? { constraint } : {};
  }
  const constraint = parseGoBuild(trimSpace(line));
  return 'problem' in constraint ? { problem: `//go:build: ${constraint.problem}` } : { constraint };
}
