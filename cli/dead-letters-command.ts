import { inboxBus } from '../adapters/embedded/inbox-bus.ts';
import { allLetters, statusLetters } from '../adapters/embedded/status-letters.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import type { DeadLetters } from '../core/ports/dead-letters.ts';
import { type Command, DATA_OPTION, EXIT, type Given, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { deadLettersOf, findServer, MOST_LETTERS } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { openStores } from './stores.ts';

/** Asks the server where one runs; else looks into the data folder, whose next server does what is due again. */
async function withDeadLetters<T>(given: Given, use: (letters: DeadLetters) => Promise<T>): Promise<T> {
  const folder = dataFolder(given.required('data'));
  await readConfigFile(folder.config);
  const server = await findServer(folder);
  if (server) return use(deadLettersOf(server));
  const stores = openStores(folder);
  try {
    return await use(allLetters(inboxBus(stores.database, systemClock), statusLetters(stores.database)));
  } finally {
    stores.close();
  }
}

export const deadLettersListCommand: Command = {
  name: 'dead-letters list',
  summary: 'list events and status changes that were put aside, oldest first, each with the name of its fault',
  positionals: '',
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('dead letters are listed whole');
    const letters = await withDeadLetters(given, ({ list }) => list(MOST_LETTERS));
    if (given.flag('json')) io.out(JSON.stringify({ deadLetters: letters }));
    else
      for (const { id, event, run, tries, reason } of letters)
        io.out([id.padEnd(12), event ?? run ?? 'unreadable', `tries ${tries}`, reason].join('  '));
    return EXIT.done;
  },
};

export const deadLettersRedriveCommand: Command = {
  name: 'dead-letters redrive',
  summary: 'try what was put aside again, one or all of it, once its fault is repaired',
  positionals: '[ID]',
  options: { ...DATA_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [id, ...more] = given.positionals;
    if (more.length > 0) throw new UsageError('name one dead letter, or none for all');
    const redriven = await withDeadLetters(given, (letters) => letters.redrive(id));
    const unknown = id !== undefined && redriven === 0;
    if (given.flag('json'))
      io.out(JSON.stringify(unknown ? { kind: 'refused', code: 'dead-letter.unknown', id } : { redriven }));
    else io.out(unknown ? `${id} is not a dead letter; relseal dead-letters list lists them` : `${redriven} due again`);
    return unknown ? EXIT.refused : EXIT.done;
  },
};
