import { answerOperator, DESK, type DeskDeps, type Person, type ReadDeps } from '../../core/desk/answer-operator.ts';
import { projectEntries } from '../../core/query/project.ts';
import type { TenantId } from '../../events/fields.ts';
import { countingIds } from './counting-ids.ts';
import { memoryViews } from './memory-views.ts';
import { ANA, promotionWorld, TENANT } from './promotion-world.ts';

/** A desk before a promotion that runs; whom it asked to name the person for, and which runs it stopped. */
export async function deskWorld({ tenants = [TENANT] }: { tenants?: readonly TenantId[] } = {}) {
  const world = await promotionWorld({ release: false });
  const asked: TenantId[] = [];
  const stopped: string[] = [];
  const views = memoryViews();
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
    compensate: async () => undefined,
    personOf: async (tenant): Promise<Person> => {
      asked.push(tenant);
      return ANA;
    },
  };
  return {
    world,
    asked,
    stopped,
    ask: (name: string, body: unknown) => answerOperator(DESK, deps, name, body),
    /** What follows the log in a deployment. */
    project: () => projectEntries({ ledger: world.ledger, views }, TENANT),
  };
}
