import type { RunRow } from './store.ts';

/** The code that this process has for the tasks of every run. */
export interface RunningCode {
  readonly codeVersion: string;
  /**
   * Hash of the input and output schemas of each task, by its placeholder name. A task without one is taken to change
   * with every code version.
   */
  readonly schemas?: Readonly<Record<string, string>>;
}

/** What a run keeps of the functions it may call: the hash of their schemas when it was started, null without one. */
export const schemasOf = (functions: readonly string[], { schemas = {} }: RunningCode): RunRow['schemas'] =>
  Object.fromEntries(functions.map((name) => [name, schemas[name] ?? null]));

/** Functions of the run whose tasks may by now read or write other shapes than when it was started. */
export function changedFunctions(run: Pick<RunRow, 'code_version' | 'schemas'>, code: RunningCode): string[] {
  if (run.code_version === code.codeVersion) return [];
  const { schemas = {} } = code;
  return Object.entries(run.schemas).flatMap(([name, hash]) => (hash !== null && hash === schemas[name] ? [] : [name]));
}
