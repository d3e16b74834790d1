import { userInfo } from 'node:os';
import * as z from 'zod';
import { localSecrets } from '../adapters/embedded/local-secrets.ts';
import { systemClock } from '../adapters/embedded/system-clock.ts';
import { systemIds } from '../adapters/embedded/system-ids.ts';
import type { ErasureAsk } from '../core/desk/asks.ts';
import { assertNever } from '../core/faults.ts';
import { groupCommit } from '../core/ledger/group-commit.ts';
import { answerErasure } from '../core/privacy/erase.ts';
import { Sha256Hex, TenantId } from '../events/fields.ts';
import {
  type Command,
  DATA_OPTION,
  EXIT,
  type ExitCode,
  type Given,
  type Io,
  JSON_OPTION,
  UsageError,
} from './command.ts';
import { readConfigFile } from './config-file.ts';
import { askFor, byWhom, findServer } from './control.ts';
import { dataFolder } from './data-folder.ts';
import { deploymentIn, SERVER_OPTION } from './deployment.ts';
import { configuredPeople, localPerson } from './serve.ts';
import { TENANT_OPTION, withTenantStores } from './tenant-of.ts';

const Known = z.object({ place: z.string(), pseudonym: Sha256Hex.exactOptional(), objects: z.int() });
const Erased = Known.extend({ index: z.int() });
const ErasureAnswer = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('found'), found: z.array(Known) }),
  z.object({ kind: z.literal('erased'), erased: z.array(Erased) }),
  z.object({ kind: z.literal('unfinished'), objects: z.int() }),
  z.object({
    kind: z.literal('refused'),
    code: z.string().regex(/^[a-z.-]{1,64}$/),
    runName: z.string().exactOptional(),
  }),
]);
type ErasureAnswer = z.infer<typeof ErasureAnswer>;

/** Each ask erases a few hundred deliveries at least. */
const MOST_ASKS = 10_000;

const WHY: Readonly<Record<string, string>> = {
  'erase.unknown-person': 'nobody is known by this name; relseal erase takes it as the source host wrote it',
  'erase.unknown-place': 'no person comes from there; leave out --at with --dry-run to see where they come from',
  'erase.no-pseudonym-key': 'the tenant has no pseudonymKey, so nobody is on record',
  'erase.run-open': 'they began or approved this run, and could approve it again: end it first',
  'tenant.unknown': 'name one of the configured tenants with --tenant',
};

/** In the data folder itself. Who asks is a person of this machine. */
const eraseOffline = (given: Given, io: Io, ask: ErasureAsk): Promise<ErasureAnswer> =>
  withTenantStores(given, async ({ folder, stores, tenant }) => {
    const config = await readConfigFile(folder.config);
    const people = await configuredPeople(config, localSecrets(io.environment, folder.root), tenant);
    const { persons, erasable: raw, worm, claims, waits, ledger } = stores;
    const append = groupCommit({ ledger, worm, clock: systemClock });
    const { name, at, dryRun } = ask;
    const by = () => localPerson(stores, people, userInfo().username);
    const request = { name, dryRun, by, ...(at === undefined ? {} : { at }) };
    const answer = await answerErasure({ persons, raw, worm, claims, waits, ids: systemIds, append }, people, request);
    return ErasureAnswer.parse(answer);
  });

/** Where the person is: a deployment, a running server, or the folder alone. */
async function whom(given: Given, io: Io): Promise<(ask: ErasureAsk) => Promise<ErasureAnswer>> {
  const server = deploymentIn(given, io) ?? (await findServer(dataFolder(given.required('data'))));
  if (!server) return (ask) => eraseOffline(given, io, ask);
  return (ask) => askFor(server, 'erasures', { ...ask, ...byWhom(server) }, ErasureAnswer);
}

/** Asks until all is erased: each answer comes after a part, since gateways wait for nobody. */
async function finished(ask: () => Promise<ErasureAnswer>, io: Io): Promise<ErasureAnswer> {
  let objects = 0;
  for (let asked = 0; asked < MOST_ASKS; asked += 1) {
    io.signal.throwIfAborted();
    const answer = await ask();
    if (answer.kind !== 'unfinished') return answer;
    objects += answer.objects;
    io.progress(`${objects} deliveries erased`);
  }
  return { kind: 'unfinished', objects };
}

const lineOf = ({ place, pseudonym, objects }: z.infer<typeof Known>) =>
  `${place}  ${pseudonym ?? 'mentioned only'}  deliveries ${objects}`;

const CODES: Readonly<Record<ErasureAnswer['kind'], ExitCode>> = {
  found: EXIT.done,
  erased: EXIT.done,
  unfinished: EXIT.notChecked,
  refused: EXIT.refused,
};

function linesOf(answer: ErasureAnswer): string[] {
  switch (answer.kind) {
    case 'found':
      return answer.found.map(lineOf);
    case 'erased':
      return answer.erased.map((erased) => `${lineOf(erased)}  erased, entry ${erased.index}`);
    case 'unfinished':
      return [`${answer.objects} deliveries erased, and there are more: run it again`];
    case 'refused': {
      const { code, runName } = answer;
      return [`refused: ${code}${runName === undefined ? '' : ` ${runName}`} (${WHY[code] ?? 'see the ledger'})`];
    }
    default:
      return assertNever(answer);
  }
}

function askIn(given: Given): ErasureAsk {
  const [name, ...more] = given.positionals;
  if (name === undefined || name === '' || more.length > 0)
    throw new UsageError('name one person: a login, an e-mail address or a name, as the source host wrote it');
  const [at, named] = [given.text('at'), given.text('tenant')];
  const tenant = named === undefined ? undefined : TenantId.safeParse(named);
  if (tenant?.success === false) throw new UsageError(`${named} is no tenant`);
  return {
    ...{ name, dryRun: given.flag('dry-run') },
    ...(at === undefined ? {} : { at }),
    ...(tenant ? { tenant: tenant.data } : {}),
  };
}

export const eraseCommand: Command = {
  name: 'erase',
  summary:
    'sever a person from what they did: their key and every delivery that mentions them are destroyed\n\n' +
    'Entries stay, under a pseudonym that leads to nobody, so every proof still holds; one entry says what was erased.\n' +
    'It may be interrupted, and is finished by running it again. Whoever does something later gets a new pseudonym.',
  positionals: 'NAME',
  options: {
    ...DATA_OPTION,
    ...SERVER_OPTION,
    ...TENANT_OPTION,
    at: { type: 'string', value: 'PLACE', help: 'only the person of this place, as --dry-run names it' },
    'dry-run': { type: 'boolean', help: 'only say what would go' },
    ...JSON_OPTION,
  },
  run: async (given, io) => {
    const ask = askIn(given);
    const server = await whom(given, io);
    const answer = await finished(() => server(ask), io);
    if (given.flag('json')) io.out(JSON.stringify(answer));
    else for (const line of linesOf(answer)) io.out(line);
    return CODES[answer.kind];
  },
};
