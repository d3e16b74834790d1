import { type Command, EXIT, type ExitCode, type Io, parseGiven, UsageError, usageOf } from './command.ts';
import { packageVersion } from './package-root.ts';

/** Commands load on demand: `relseal --help` starts nothing and reads no database. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  demo: async () => (await import('./demo.ts')).demoCommand,
  serve: async () => (await import('./serve-command.ts')).serveCommand,
  init: async () => (await import('./init.ts')).initCommand,
  'verify modules': async () => (await import('./verify-commands.ts')).verifyModulesCommand,
  'verify change': async () => (await import('./verify-commands.ts')).verifyChangeCommand,
  'verify image': async () => (await import('./verify-commands.ts')).verifyImageCommand,
  'verify ledger': async () => (await import('./ledger-verify-commands.ts')).verifyLedgerCommand,
  'verify proof': async () => (await import('./ledger-verify-commands.ts')).verifyProofCommand,
  'verify receipt': async () => (await import('./ledger-verify-commands.ts')).verifyReceiptCommand,
  'ledger audit': async () => (await import('./ledger-audit-command.ts')).ledgerAuditCommand,
  'ledger export': async () => (await import('./ledger-command.ts')).ledgerExportCommand,
  'ledger import': async () => (await import('./ledger-import-command.ts')).ledgerImportCommand,
  'ledger prove': async () => (await import('./ledger-command.ts')).ledgerProveCommand,
  rebuild: async () => (await import('./rebuild-command.ts')).rebuildCommand,
  'events normalise': async () => (await import('./events-command.ts')).eventsNormaliseCommand,
  query: async () => (await import('./query-command.ts')).queryCommand,
  runs: async () => (await import('./runs-commands.ts')).runsCommand,
  'runs list': async () => (await import('./runs-commands.ts')).runsListCommand,
  'runs show': async () => (await import('./run-show-command.ts')).runsShowCommand,
  'dead-letters list': async () => (await import('./dead-letters-command.ts')).deadLettersListCommand,
  'dead-letters redrive': async () => (await import('./dead-letters-command.ts')).deadLettersRedriveCommand,
  replay: async () => (await import('./runs-commands.ts')).replayCommand,
  erase: async () => (await import('./erase-command.ts')).eraseCommand,
  promote: async () => (await import('./promotion-commands.ts')).promoteCommand,
  login: async () => (await import('./login-command.ts')).loginCommand,
  approve: async () => (await import('./promotion-commands.ts')).approveCommand,
  stop: async () => (await import('./promotion-commands.ts')).stopCommand,
};

async function helpText(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map((load) => load()));
  const width = Math.max(...commands.map(({ name }) => name.length));
  return [
    'usage: relseal <command> [options]',
    '',
    ...commands.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary.split('\n')[0]}`),
    '',
    'relseal <command> --help tells a command’s options.',
    'exit codes: 0 pass or done, 1 refused, 2 wrong usage or unreadable input, 3 could not be checked, 130 interrupted',
  ].join('\n');
}

/** The longest command name the arguments begin with. */
function findCommand(args: readonly string[]): { name: string; rest: readonly string[] } | undefined {
  for (const words of [2, 1]) {
    const name = args.slice(0, words).join(' ');
    if (Object.hasOwn(COMMANDS, name)) return { name, rest: args.slice(words) };
  }
  return undefined;
}

/** Runs what the arguments name. Usage errors are thrown. */
export async function runCommandLine(args: readonly string[], io: Io): Promise<ExitCode> {
  const [first] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    io.out(await helpText());
    return first === undefined ? EXIT.usage : EXIT.done;
  }
  if (first === '--version') {
    io.out(packageVersion());
    return EXIT.done;
  }
  const found = findCommand(args);
  const load = found && COMMANDS[found.name];
  if (!found || !load)
    throw new UsageError(`there is no command "${args.slice(0, 2).join(' ')}"; relseal --help lists them`);
  const command = await load();
  if (found.rest.includes('--help') || found.rest.includes('-h')) {
    io.out(usageOf(command));
    return EXIT.done;
  }
  return command.run(parseGiven(command, found.rest), io);
}
