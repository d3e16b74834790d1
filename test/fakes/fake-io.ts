import { type Command, type ExitCode, type Io, parseGiven } from '../../cli/command.ts';

export interface Ran {
  readonly code: ExitCode;
  /** Standard output, line by line. */
  readonly out: readonly string[];
  readonly notes: readonly string[];
  /** The one JSON document that was printed. */
  json(): unknown;
}

/** Keeps what is printed. */
export function fakeIo({
  environment = {},
  signal = new AbortController().signal,
}: Partial<Pick<Io, 'environment' | 'signal'>> = {}) {
  const out: string[] = [];
  const notes: string[] = [];
  const io: Io = {
    // No go env file of the machine the tests run on.
    environment: { GOENV: 'off', ...environment },
    stdin: process.stdin,
    out: (line) => void out.push(line),
    note: (line) => void notes.push(line),
    progress: () => undefined,
    signal,
  };
  return { io, out, notes };
}

/** Runs a command in this process with an environment of its own; usage errors are thrown, as `main.ts` catches them. */
export async function runCommand(
  command: Command,
  args: readonly string[],
  { environment = {}, signal = new AbortController().signal }: Partial<Pick<Io, 'environment' | 'signal'>> = {},
): Promise<Ran> {
  const { io, out, notes } = fakeIo({ environment, signal });
  const code = await command.run(parseGiven(command, args), io);
  const json = () => {
    if (out.length !== 1) throw new Error(`${out.length} documents were printed`);
    return JSON.parse(out[0] ?? '');
  };
  return { code, out, notes, json };
}
