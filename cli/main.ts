import { EXIT, type Io } from './command.ts';
import { runCommandLine } from './command-line.ts';

function processIo(signal: AbortSignal): Io {
  const onTerminal = process.stderr.isTTY === true;
  const clear = onTerminal ? '\r\u001b[K' : '';
  return {
    environment: process.env,
    stdin: process.stdin,
    out: (line) => void process.stdout.write(`${line}\n`),
    note: (line) => void process.stderr.write(`${clear}${line}\n`),
    progress: (line) => void (onTerminal && process.stderr.write(`${clear}${line}`)),
    signal,
  };
}

async function main(): Promise<void> {
  const interrupted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupted.abort());
  const io = processIo(interrupted.signal);
  // A reader that has seen enough (`| head`) is no failure of ours, but nobody is there to work for.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(EXIT.interrupted);
  });
  try {
    const code = await runCommandLine(process.argv.slice(2), io);
    process.exitCode = interrupted.signal.aborted && code === EXIT.done ? EXIT.interrupted : code;
  } catch (error) {
    if (interrupted.signal.aborted) process.exitCode = EXIT.interrupted;
    else {
      const known = error instanceof Error;
      io.note(
        `relseal: ${known && error.name !== 'UsageError' && error.name !== 'ConfigError' ? `${error.name}: ` : ''}${known ? error.message : String(error)}`,
      );
      const usage = known && ['UsageError', 'ConfigError', 'ConfigurationInvalid', 'InputInvalid'].includes(error.name);
      process.exitCode = usage ? EXIT.usage : EXIT.notChecked;
    }
  }
}

await main();
