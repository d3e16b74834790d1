import type { Refusal } from '../verdict.ts';
import type { ModuleFacts } from './module-facts.ts';
import type { ModulePolicy, RuleName } from './module-policy.ts';

/** Where a rule was broken and how; the code and the fix are the rule's. */
export interface Finding extends Pick<Refusal, 'expected' | 'found'> {
  readonly where: string;
}

/** Why a rule could not be judged: what nobody knows is no pass. */
export interface NotChecked {
  readonly notChecked: string;
}

/** One rule: pure, over facts. Findings come in the order of the facts, so the same facts give the same report. */
export interface ModuleRule {
  readonly code: string;
  /** What it is about, for people. */
  readonly title: string;
  readonly fix: string;
  /** Settings that say how severe it is, the strictest one counts. None: evidence of tampering, or no go.mod; it refuses. */
  readonly settings: readonly RuleName[];
  judge(facts: ModuleFacts, policy: ModulePolicy): readonly Finding[] | NotChecked;
}
