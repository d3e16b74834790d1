import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, CheckReport, keepReport } from '../check.ts';
import { loadJsonEvidence } from '../evidence.ts';
import { VerdictRecord } from '../gate/verdict.ts';
import { subjectOf } from '../ledger/drafts.ts';
import { PromotionSubject, releaseIdOf } from '../runs/run-input.ts';
import { committedPass } from '../signing/committed-verdict.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { entriesOfRelease, type LedgerDeps, type ProvenEntry } from './ledger.ts';

interface Standing {
  /** The newest sign verdict on the digest. */
  readonly verdict?: ProvenEntry;
  /** What the newest look at its signature found after that verdict. */
  readonly signature?: 'pass' | 'refuse';
}

const gateOf = async ({ worm }: LedgerDeps, tenant: TenantId, { entry }: ProvenEntry) => {
  const evidence = entry.evidence?.find(({ kind }) => kind === 'verdict');
  return evidence && (await loadJsonEvidence(worm, tenant, evidence, VerdictRecord)).gate;
};

async function verificationOf({ worm }: LedgerDeps, tenant: TenantId, { entry }: ProvenEntry) {
  const [evidence] = entry.evidence ?? [];
  if (entry.kind !== 'check' || evidence?.kind !== 'check-report') return undefined;
  const report = await loadJsonEvidence(worm, tenant, evidence, CheckReport);
  return report.check === 'verify-signature' ? report.outcome : undefined;
}

async function standingOf(deps: LedgerDeps, tenant: TenantId, release: string): Promise<Standing> {
  let signature: Standing['signature'];
  for await (const found of entriesOfRelease(deps, tenant, release)) {
    if (found.entry.kind === 'verdict' && (await gateOf(deps, tenant, found)) === 'sign')
      return { verdict: found, ...(signature ? { signature } : {}) };
    signature ??= await verificationOf(deps, tenant, found);
  }
  return {};
}

function reasonsOf({ verdict, signature }: Standing, release: string): Refusal[] {
  if (!verdict)
    return [
      { code: 'promotion.release-missing', where: release, fix: 'Push the image, and promote once it is signed.' },
    ];
  if (verdict.entry.outcome !== 'pass')
    return [{ code: 'promotion.release-refused', where: release, found: `entry ${verdict.link.index}` }];
  return signature === 'pass'
    ? []
    : [{ code: 'promotion.signature-missing', where: release, found: 'no verified signature' }];
}

/**
 * Checks what our own ledger says of the digest: its newest sign verdict passes, also when it is computed again from its
 * evidence, and its signature was verified. A projection is not asked.
 */
export const checkRelease = defineTask({
  step: 'check-release',
  input: z.strictObject({ step: z.literal('check-release'), run: RunContext, subject: PromotionSubject }),
  output: z.strictObject({ check: CheckRecord }),
  async run(deps: LedgerDeps, { run, subject }) {
    const release = releaseIdOf(subject);
    const standing = await standingOf(deps, run.tenant, release);
    const reasons = reasonsOf(standing, release);
    const { link } = standing.verdict ?? {};
    if (link && reasons.length === 0) await committedPass(deps, run.tenant, subject.digest, link);
    return {
      check: await keepReport(deps.worm, run.tenant, {
        check: 'check-release',
        subjects: [subjectOf(subject)],
        reasons,
        evidence: [],
        details: link ? { verdict: link } : {},
      }),
    };
  },
});
