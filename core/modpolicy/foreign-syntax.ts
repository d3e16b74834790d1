import type { Refusal } from '../verdict.ts';
import type { Finding, ModuleRule } from './rule.ts';

/** Text in a go.mod that looks like policy and is none: Go has no tables and no pinned hashes there. */

/** A table of TOML alone on its line, `[direct]`; an interval of versions, `[v1.0.0, v1.1.0]`, is Go. */
const TABLE = /^\[{1,2}\s*(?!v\d)["'A-Za-z][^\]]*\]{1,2}\s*(?:#.*)?$/;
const HASH = /(?:^|\s)["'`]?h[12]:/;
const MAX_SHOWN = 256;

const meaning = (row: string): string | undefined => {
  if (TABLE.test(row)) return 'directives of Go: there are no tables in go.mod';
  return HASH.test(row) ? 'no hash: those are in go.sum' : undefined;
};

const MAX_LINES = 1000;

const findingsOf = (goModText: string): Finding[] =>
  goModText
    .split('\n')
    .flatMap((text, at) => {
      const row = (text.split('//', 1)[0] ?? '').trim();
      const expected = meaning(row);
      return expected === undefined ? [] : [{ where: `go.mod:${at + 1}`, expected, found: row.slice(0, MAX_SHOWN) }];
    })
    .slice(0, MAX_LINES);

const RULE: ModuleRule = {
  code: 'modpolicy.foreign-syntax',
  title: 'go.mod holds `[replace]` or `[direct]` tables or `=> h1:` hashes, which are not Go syntax.',
  fix: 'Write `replace OLD => NEW VERSION`; hashes belong in go.sum, and versions to force in the policy under `below-floor`.',
  settings: [],
  judge: ({ goModText }) => findingsOf(goModText),
};

/** What to say beside the refusal of a go.mod that cannot be read: which of its lines were never Go. */
export const foreignSyntax = (goModText: string): Refusal[] =>
  findingsOf(goModText).map((finding) => ({ code: RULE.code, ...finding, fix: RULE.fix }));

export const SYNTAX_RULES: readonly ModuleRule[] = [RULE];
