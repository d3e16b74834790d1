import { parseArgs } from 'node:util';

/** 0 pass or done · 1 refused · 2 wrong usage or unreadable input · 3 could not be checked · 130 interrupted. */
export const EXIT = { done: 0, refused: 1, usage: 2, notChecked: 3, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The user asked for something that cannot be asked: shown with the command's usage, exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Io {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadStream;
  /** One line of result to standard output. */
  out(line: string): void;
  /** One line for people to standard error: progress, problems. */
  note(line: string): void;
  /** Replaces the progress line on a terminal; nothing elsewhere. */
  progress(line: string): void;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly help: string;
  /** Shown behind a string option in the usage. */
  readonly value?: string;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  /** Positional arguments, as shown. */
  readonly positionals: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  run(given: Given, io: Io): Promise<ExitCode>;
}

/** Parsed arguments of one command. */
export interface Given {
  readonly positionals: readonly string[];
  text(option: string): string | undefined;
  /** The option's value, or a usage error that names it. */
  required(option: string): string;
  flag(option: string): boolean;
}

export function parseGiven(command: Command, args: readonly string[]): Given {
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(Object.entries(command.options).map(([name, { type }]) => [name, { type }])),
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  const text = (option: string) => {
    const value = parsed.values[option];
    return typeof value === 'string' ? value : undefined;
  };
  return {
    positionals: parsed.positionals,
    text,
    required: (option) => {
      const value = text(option);
      if (value === undefined || value === '') throw new UsageError(`--${option} is required`);
      return value;
    },
    flag: (option) => parsed.values[option] === true,
  };
}

export function usageOf(command: Command): string {
  const options = Object.entries(command.options).map(([name, { value, help }]) => [
    `  --${name}${value ? ` ${value}` : ''}`,
    help,
  ]);
  const width = Math.max(0, ...options.map(([left = '']) => left.length));
  return [
    `usage: relseal ${command.name}${command.positionals ? ` ${command.positionals}` : ''} [options]`,
    '',
    command.summary,
    ...(options.length > 0 ? ['', ...options.map(([left = '', right = '']) => `${left.padEnd(width)}  ${right}`)] : []),
  ].join('\n');
}

export const JSON_OPTION = { json: { type: 'boolean', help: 'print one JSON document instead of text' } } as const;
export const DATA_OPTION = {
  data: { type: 'string', value: 'DIR', help: 'the data folder, as made by `relseal init`' },
} as const;
