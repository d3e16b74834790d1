import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord } from '../check.ts';
import { EvidenceRef, keepJsonEvidence } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { RunSubject } from '../runs/run-input.ts';
import { defineTask, RunContext } from '../task.ts';
import { decide } from './decide.ts';
import { GateName } from './policy.ts';
import { parsePolicy } from './read-policy.ts';
import { loadReports, strengthOf, VerdictRecord } from './verdict.ts';

export interface DecideGateDeps {
  readonly worm: WormStore;
  /** The tenant's policy document as text; `undefined` when it has none, which refuses. */
  policies(tenant: TenantId): Promise<string | undefined>;
}

/** Judges the reports by the policy in force and keeps both as evidence, so that the verdict can be computed again. */
export const decideGate = defineTask({
  step: 'decide-gate',
  input: z.strictObject({
    step: z.literal('decide-gate'),
    run: RunContext,
    gate: GateName,
    subject: RunSubject,
    checks: z.array(CheckRecord).max(1024),
  }),
  output: z.strictObject({ passed: z.boolean(), verdict: EvidenceRef }),
  async run({ worm, policies }: DecideGateDeps, { run: { tenant }, gate, subject, checks }) {
    const text = await policies(tenant);
    const policy = text === undefined ? undefined : parsePolicy(text);
    const policyDocument = policy && (await keepJsonEvidence(worm, tenant, 'policy', policy));
    const reports = await loadReports(worm, tenant, checks);
    const verdict = decide(policy, gate, reports);
    const record = VerdictRecord.parse({
      schema: 'relseal.verdict/1',
      gate,
      subject,
      outcome: verdict.kind,
      reasons: verdict.kind === 'pass' ? [] : verdict.reasons,
      // The report is the judge's word; what the payload said about it is not kept.
      checks: checks.map((check, at) => ({ ...check, outcome: reports[at]?.outcome ?? 'refuse' })),
      ...(policy && policyDocument
        ? { policy: { name: policy.name, sha256: policyDocument.sha256 }, policyDocument }
        : {}),
      ...strengthOf(subject),
    });
    return {
      passed: verdict.kind === 'pass',
      verdict: await keepJsonEvidence(worm, tenant, 'verdict', record),
    };
  },
});
