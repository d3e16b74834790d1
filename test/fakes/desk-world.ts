import { answerOperator, DESK, type DeskDeps, type Person, type ReadDeps } from '../../core/desk/answer-operator.ts';
import type { DeadLetter } from '../../core/ports/dead-letters.ts';
import type { RunHistory } from '../../core/ports/run-history.ts';
import { projectEntries } from '../../core/query/project.ts';
import type { TenantId } from '../../events/fields.ts';
import { countingIds } from './counting-ids.ts';
import { memoryErasableStore } from './memory-erasable-store.ts';
import { memoryPersonStore } from './memory-person-store.ts';
import { memoryViews } from './memory-views.ts';
import { ANA, promotionWorld, TENANT } from './promotion-world.ts';

/** What the engine tells of the promotion's way. */
export const HISTORY: RunHistory = {
  codeVersion: 'version 3 (live)',
  definition: 'd'.repeat(64),
  functions: ['claim-promotion:7'],
  states: [
    {
      state: 'Start',
      enteredAt: '2026-01-02T03:04:05.000Z',
      exitedAt: '2026-01-02T03:04:05.010Z',
      outcome: 'succeeded',
      retries: 0,
    },
    {
      state: 'Claim the promotion',
      enteredAt: '2026-01-02T03:04:05.010Z',
      outcome: 'failed',
      retries: 2,
      error: 'StoreUnavailable',
      cause: 'reading failed',
    },
  ],
};

/** A desk before a promotion that runs; whom it asked to name the person for, and which runs it stopped. */
export async function deskWorld({ tenants = [TENANT] }: { tenants?: readonly TenantId[] } = {}) {
  const world = await promotionWorld({ release: false });
  const asked: TenantId[] = [];
  const stopped: string[] = [];
  const views = memoryViews();
  const [persons, raw] = [memoryPersonStore(), memoryErasableStore()];
  const letters: DeadLetter[] = [
    { id: 'event-1', event: 'event of the test', tries: 5, reason: 'StoreUnavailable' },
    { id: 'status-2', run: world.run.name, tries: 5 },
  ];
  const deps: DeskDeps & ReadDeps = {
    ...world.deps,
    ids: countingIds(),
    tenants,
    views,
    workflows: {
      ...world.deps.workflows,
      describe: async (machine, name) => ({
        name,
        machine,
        status: stopped.includes(name) ? 'ABORTED' : 'RUNNING',
        startedAt: '2026-01-02T03:04:05.000Z',
        input: {},
        state: 'Claim the promotion',
        redriveCount: 0,
        redrivable: false,
      }),
      redrive: async () => 'impossible',
      stop: async (_machine, name) => {
        stopped.push(name);
      },
    },
    histories: { of: async (_machine, name) => (name === world.run.name ? HISTORY : undefined) },
    deadLetters: {
      list: async (limit) => letters.slice(0, limit),
      redrive: async (id) => {
        const redriven = letters.filter((letter) => id === undefined || letter.id === id);
        for (const letter of redriven) letters.splice(letters.indexOf(letter), 1);
        return redriven.length;
      },
    },
    compensate: async () => undefined,
    persons,
    raw,
    peopleOf: async (tenant) => ({
      tenant,
      keys: ['a test key of pseudonyms'],
      places: ['github/github.com', 'local'],
    }),
    personOf: async (tenant): Promise<Person> => {
      asked.push(tenant);
      return ANA;
    },
  };
  return {
    world,
    persons,
    raw,
    asked,
    stopped,
    ask: (name: string, body: unknown) => answerOperator(DESK, deps, name, body),
    /** What follows the log in a deployment. */
    project: () => projectEntries({ ledger: world.ledger, views }, TENANT),
  };
}
