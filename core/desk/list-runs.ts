import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import type { ClaimRow, ClaimStatus, ClaimStore } from '../ports/claim-store.ts';
import { RunInput, releaseIdOf } from '../runs/run-input.ts';

export const RUN_STATUSES = ['running', 'passed', 'refused', 'failed'] as const satisfies ClaimStatus[];

/** One run of a list: what it is about and how it ended. */
export const ListedRun = z.object({
  run: z.string(),
  machine: z.string(),
  status: z.enum(RUN_STATUSES),
  /** Empty when the input cannot be read. */
  release: z.string(),
  claimedAt: z.string(),
  replay: z.int(),
  redrives: z.int(),
  error: z.string().exactOptional(),
});
export type ListedRun = z.infer<typeof ListedRun>;

export function releaseIdOfClaim({ input }: Pick<ClaimRow, 'input'>): string {
  const read = RunInput.safeParse(input);
  return read.success ? releaseIdOf(read.data.subject) : '';
}

const listedRun = (row: ClaimRow): ListedRun => ({
  run: row.runName,
  machine: row.machine,
  status: row.status,
  release: releaseIdOfClaim(row),
  claimedAt: row.claimedAt,
  replay: row.replay,
  redrives: row.redrives,
  ...(row.error === undefined ? {} : { error: row.error }),
});

export interface RunFilter {
  readonly status?: ClaimStatus;
  readonly machine?: string;
  /** Of each tenant. */
  readonly limit: number;
}

/** Newest runs first, tenant by tenant. Those of one machine are looked for among the newest `within` of a tenant. */
export async function listRuns(
  claims: Pick<ClaimStore, 'list'>,
  tenants: readonly TenantId[],
  { status, machine, limit }: RunFilter,
  within: number,
): Promise<ListedRun[]> {
  const filter = { limit: machine === undefined ? limit : within, ...(status === undefined ? {} : { status }) };
  const lists = await Promise.all(tenants.map((tenant) => claims.list(tenant, filter)));
  const wanted = (row: ClaimRow) => machine === undefined || row.machine === machine;
  return lists.flatMap((rows) => rows.filter(wanted).slice(0, limit).map(listedRun));
}
