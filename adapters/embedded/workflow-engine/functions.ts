import type { State } from '../../../core/asl/definition.ts';

/** `${VerifyGoSumFunction}` → `VerifyGoSumFunction`. */
export const functionNameOf = (placeholder: string): string => placeholder.slice(2, -1);

/** Every function that these states call, those inside a Parallel or Map too. */
export const functionNamesIn = (states: Readonly<Record<string, State>>): string[] =>
  Object.values(states).flatMap((state) => {
    if (state.Type === 'Task') return [functionNameOf(state.Arguments.FunctionName)];
    if (state.Type === 'Parallel') return state.Branches.flatMap((branch) => functionNamesIn(branch.States));
    return state.Type === 'Map' ? functionNamesIn(state.ItemProcessor.States) : [];
  });
