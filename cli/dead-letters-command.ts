import { inboxBus } from '../adapters/embedded/inbox-bus.ts';
import { allLetters, statusLetters } from '../adapters/embedded/status-letters.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { type DeadLetters, MOST_LETTERS } from '../core/ports/dead-letters.ts';
import { type Command, DATA_OPTION, EXIT, type Given, type Io, JSON_OPTION, UsageError } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { deadLettersOf, deployedLetters, findServer } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { openStores } from './stores.ts';

/**
 * Asks a deployment, or the server of a data folder where one runs; else looks into the folder, whose next server does
 * what is due again.
 */
async function withDeadLetters<T>(given: Given, io: Io, use: (letters: DeadLetters) => Promise<T>): Promise<T> {
  const deployment = deploymentIn(given, io);
  if (deployment) return use(deployedLetters(deployment));
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

/** Of the end of a run, or of an event of AWS itself, nothing is on record when it is put aside. */
const NOT_RECORDED = 'why is in the log of its function';

export const deadLettersListCommand: Command = {
  name: 'dead-letters list',
  summary: 'list events and status changes that were put aside, oldest first, each with the name of its fault',
  positionals: '',
  options: { ...DATA_OPTION, ...SERVER_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    if (given.positionals.length > 0) throw new UsageError('dead letters are listed whole');
    const letters = await withDeadLetters(given, io, ({ list }) => list(MOST_LETTERS));
    if (given.flag('json')) io.out(JSON.stringify({ deadLetters: letters }));
    else
      for (const { id, event, run, tries, reason = NOT_RECORDED } of letters)
        io.out([id.padEnd(12), event ?? run ?? 'unreadable', `tries ${tries}`, reason].join('  '));
    return EXIT.done;
  },
};

/** A deployment shows a letter to one at a time. */
function unknownText(id: string, given: Given): string {
  const elsewhere = given.text('server') === undefined ? '' : ', or somebody else is looking at it';
  return `${id} is not a dead letter${elsewhere}; relseal dead-letters list lists them`;
}

export const deadLettersRedriveCommand: Command = {
  name: 'dead-letters redrive',
  summary: 'try what was put aside again, one or all of it, once its fault is repaired',
  positionals: '[ID]',
  options: { ...DATA_OPTION, ...SERVER_OPTION, ...JSON_OPTION },
  run: async (given, io) => {
    const [id, ...more] = given.positionals;
    if (more.length > 0) throw new UsageError('name one dead letter, or none for all');
    const redriven = await withDeadLetters(given, io, (letters) => letters.redrive(id));
    const unknown = id !== undefined && redriven === 0;
    if (given.flag('json'))
      io.out(JSON.stringify(unknown ? { kind: 'refused', code: 'dead-letter.unknown', id } : { redriven }));
    else io.out(unknown ? unknownText(id, given) : `${redriven} due again`);
    return unknown ? EXIT.refused : EXIT.done;
  },
};
