import * as z from 'zod';
import { canonicalBytes } from '../canonical-json.ts';
import { EvidenceRef, sha256Hex } from '../evidence.ts';
import type { ClaimRow } from '../ports/claim-store.ts';
import type { RunHistory, StateVisit } from '../ports/run-history.ts';
import type { RunDescription } from '../ports/workflows.ts';
import { type FoundEntry, type QueryDeps, queryEntries } from '../query/query.ts';
import { RUN_STATUSES, releaseIdOfClaim } from './list-runs.ts';

const Described: z.ZodType<RunDescription> = z.object({
  name: z.string(),
  machine: z.string(),
  status: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']),
  startedAt: z.string(),
  stoppedAt: z.string().exactOptional(),
  input: z.unknown(),
  output: z.unknown().optional(),
  error: z.string().exactOptional(),
  cause: z.string().exactOptional(),
  state: z.string().exactOptional(),
  redriveCount: z.int(),
  redrivable: z.boolean(),
});

const Visited: z.ZodType<StateVisit> = z.object({
  state: z.string(),
  enteredAt: z.string(),
  exitedAt: z.string().exactOptional(),
  outcome: z.enum(['running', 'succeeded', 'caught', 'failed', 'aborted']),
  retries: z.int(),
  error: z.string().exactOptional(),
  cause: z.string().exactOptional(),
});

/** What the engine of a run says of it, its history as far as it tells one. */
export interface EngineView extends Partial<RunHistory> {
  readonly description: RunDescription;
}

const Engine: z.ZodType<EngineView> = z.object({
  description: Described,
  codeVersion: z.string().exactOptional(),
  definition: z.string().exactOptional(),
  functions: z.array(z.string()).exactOptional(),
  states: z.array(Visited).exactOptional(),
});

/** What is known of one run. Absent means that nobody knows. */
export const ShownRun = z.object({
  run: z.string(),
  release: z.string(),
  /** As the claim has it: what was recorded from outside, of the newest run of the same work. */
  claim: z.object({
    runName: z.string(),
    machine: z.string(),
    status: z.enum(RUN_STATUSES),
    replay: z.int(),
    redrives: z.int(),
    claimedAt: z.string(),
    error: z.string().exactOptional(),
    cause: z.string().exactOptional(),
  }),
  input: EvidenceRef,
  engine: Engine.exactOptional(),
  /** Oldest first. */
  entries: z.array(z.object({ index: z.int(), kind: z.string(), outcome: z.string(), codes: z.array(z.string()) })),
});
export type ShownRun = z.infer<typeof ShownRun>;

/** The reference under which a fault keeps the input. */
function inputReference(input: unknown): EvidenceRef {
  const bytes = canonicalBytes(input);
  return { kind: 'run-input', sha256: sha256Hex(bytes), size: bytes.length, mediaType: 'application/json' };
}

const shownEntry = ({ index, entry: { kind, outcome, reasons = [] } }: FoundEntry) => ({
  index,
  kind,
  outcome,
  codes: reasons.map(({ code }) => code),
});

/** A run by its claim, what its engine says of it, and at most `limit` of its entries, the newest as far as projected. */
export async function showRun(
  deps: QueryDeps,
  run: string,
  row: ClaimRow,
  engine: EngineView | undefined,
  limit: number,
): Promise<ShownRun> {
  const { entries } = await queryEntries(deps, row.tenant, { field: 'run', value: run, limit });
  const { runName, machine, status, replay, redrives, claimedAt, error, cause } = row;
  return {
    run,
    release: releaseIdOfClaim(row),
    claim: {
      runName,
      machine,
      status,
      replay,
      redrives,
      claimedAt,
      ...(error === undefined ? {} : { error }),
      ...(cause === undefined ? {} : { cause }),
    },
    input: inputReference(row.input),
    ...(engine ? { engine } : {}),
    entries: entries.map(shownEntry).reverse(),
  };
}
