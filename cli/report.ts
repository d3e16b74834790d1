import { type FaultName, isFault } from '../core/faults.ts';
import type { Refusal } from '../core/verdict.ts';
import { EXIT, type ExitCode, type Io } from './command.ts';

/** Something that was not checked: never a pass, and no refusal either. */
export interface Unchecked {
  readonly what: string;
  readonly why: string;
  readonly fix: string;
}

/** What a verification came to; the exit code follows from it. */
export interface Report {
  readonly target: string;
  readonly reasons: readonly Refusal[];
  readonly unchecked: readonly Unchecked[];
  /** What was seen and refuses nothing. */
  readonly warnings?: readonly Refusal[];
  /** More that `--json` prints. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Lines for people, after the first. */
  readonly lines?: readonly string[];
}

const OUTCOMES = {
  pass: EXIT.done,
  refuse: EXIT.refused,
  'not-checked': EXIT.notChecked,
} as const;

/** A refusal is final whatever else was not checked; a pass needs everything checked. */
export const outcomeOf = ({ reasons, unchecked }: Pick<Report, 'reasons' | 'unchecked'>): keyof typeof OUTCOMES =>
  reasons.length > 0 ? 'refuse' : unchecked.length > 0 ? 'not-checked' : 'pass';

function* linesOf({ code, where, expected, found, fix }: Refusal, kind = ''): Generator<string> {
  yield `  ${kind}${code}${where === undefined ? '' : ` at ${where}`}`;
  if (expected !== undefined) yield `    expected  ${expected}`;
  if (found !== undefined) yield `    found     ${found}`;
  if (fix !== undefined) yield `    fix       ${fix}`;
}

const MAX_SHOWN = 100;

function showAll(refusals: readonly Refusal[], kind: string, { out }: Pick<Io, 'out'>): void {
  for (const refusal of refusals.slice(0, MAX_SHOWN)) for (const line of linesOf(refusal, kind)) out(line);
  if (refusals.length > MAX_SHOWN) out(`  ${kind}and ${refusals.length - MAX_SHOWN} more; --json shows all`);
}

/** Shows a report and gives the exit code that it has. */
export function showReport(report: Report, json: boolean, io: Io): ExitCode {
  const { target, reasons, unchecked, warnings = [], details, lines = [] } = report;
  const outcome = outcomeOf(report);
  if (json) {
    io.out(JSON.stringify({ target, outcome, reasons, unchecked, warnings, ...details }));
    return OUTCOMES[outcome];
  }
  io.progress('');
  io.out(`${outcome}  ${target}`);
  for (const line of lines) io.out(`  ${line}`);
  showAll(reasons, '', io);
  showAll(warnings, 'warning: ', io);
  for (const { what, why, fix } of unchecked) {
    io.out(`  not checked: ${what}: ${why}`);
    io.out(`    fix       ${fix}`);
  }
  return OUTCOMES[outcome];
}

/** Faults that say that the question was wrong, not that its answer could not be had. */
const WRONG_USAGE: readonly string[] = ['ConfigurationInvalid', 'InputInvalid'];

/** The result, or what a fault left unchecked. Interruptions, bugs and what is the user's to correct pass through. */
export async function orUnchecked<T>(
  checking: Promise<T>,
  what: string,
  fixes: Partial<Record<FaultName, string>>,
  { signal }: Pick<Io, 'signal'>,
): Promise<T | Pick<Report, 'reasons' | 'unchecked'>> {
  try {
    return await checking;
  } catch (error) {
    signal.throwIfAborted();
    if (!isFault(error) || WRONG_USAGE.includes(error.name)) throw error;
    const fix = fixes[error.name] ?? 'Try again; if it stays, ask whoever runs the other side.';
    return { reasons: [], unchecked: [{ what, why: `${error.name}: ${error.message}`, fix }] };
  }
}
