import { AUTHOR_RULES } from './author-rules.ts';
import { SYNTAX_RULES } from './foreign-syntax.ts';
import { HISTORY_RULES } from './history-rules.ts';
import { PERMISSION_RULES } from './permission-rule.ts';
import { PUBLISHER_RULES } from './publisher-rules.ts';
import { REPLACEMENT_RULES } from './replacement-rules.ts';
import { REQUIREMENT_RULES } from './requirement-rules.ts';
import type { ModuleRule } from './rule.ts';
import { TOOLCHAIN_RULES } from './toolchain-rules.ts';
import { TREE_RULES } from './tree-rules.ts';

/** Every rule of module policy, in the order in which findings are reported. */
export const MODULE_RULES: readonly ModuleRule[] = [
  ...SYNTAX_RULES,
  ...REQUIREMENT_RULES,
  ...REPLACEMENT_RULES,
  ...TOOLCHAIN_RULES,
  ...AUTHOR_RULES,
  ...TREE_RULES,
  ...HISTORY_RULES,
  ...PUBLISHER_RULES,
  ...PERMISSION_RULES,
];

/** A rule whose facts are not known; it has that rule's severity. */
export const NOT_CHECKED = {
  code: 'modpolicy.not-checked',
  title: 'A rule could not be judged, because what it judges by is not known.',
  fix: 'Let the workflow gather what is missing, or turn the rule off in the policy.',
} as const;
