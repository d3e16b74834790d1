import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import { VerdictRecord } from '../gate/verdict.ts';
import type { CommitStatus, StatusReport } from '../ports/commit-status.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { ChangeSubject, SourceSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';

export interface ReportStatusDeps {
  readonly worm: WormStore;
  /** Where the host of a configured repository is told; `undefined` where configuration asks for nothing. */
  statusOf(tenant: TenantId, host: string, repository: string): CommitStatus | undefined;
}

const MAX_DESCRIPTION = 140;

const CONTEXTS = { change: 'relseal/change', source: 'relseal/source' } as const;

/** The verdict's own word, whatever the payload says: what people see is what was decided. */
function reportOf(verdict: VerdictRecord | undefined): Pick<StatusReport, 'state' | 'description'> {
  if (!verdict) return { state: 'pending', description: 'The checks are under way.' };
  if (verdict.outcome === 'pass') return { state: 'passed', description: `${verdict.checks.length} checks passed.` };
  const codes = [...new Set(verdict.reasons.map(({ code }) => code))];
  return { state: 'refused', description: `Refused: ${codes.join(', ')}`.slice(0, MAX_DESCRIPTION) };
}

/** Tells the repository's host how a commit stands: at work without a verdict, else what the verdict says. */
export const reportStatus = defineTask({
  step: 'report-status',
  input: z.strictObject({
    step: z.literal('report-status'),
    run: RunContext,
    subject: z.discriminatedUnion('kind', [SourceSubject, ChangeSubject]),
    verdict: z.array(EvidenceRef).max(1),
  }),
  output: z.strictObject({ reported: z.boolean() }),
  async run({ worm, statusOf }: ReportStatusDeps, { run: { tenant }, subject, verdict: [reference] }) {
    const { kind, host, repository, commit } = subject;
    const status = statusOf(tenant, host, repository);
    if (!status) return { reported: false };
    const verdict = reference && (await loadJsonEvidence(worm, tenant, reference, VerdictRecord));
    if (verdict && !(verdict.subject.kind === kind && verdict.subject.commit === commit))
      throw new Fault('InputInvalid', 'the verdict is on another commit');
    await status.report(commit, { context: CONTEXTS[kind], ...reportOf(verdict) });
    return { reported: true };
  },
});
