import * as z from 'zod';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, keepEvidence, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { defineTask, RunContext } from '../task.ts';
import { h1Hex } from './dirhash.ts';
import { type VerifyModulesDeps, verifyModuleHashes } from './verify-modules.ts';

export interface VerifyGoSumDeps extends VerifyModulesDeps {
  readonly worm: WormStore;
}

/** Verifies the go.sum of a release and the release's own hashes; the head of the database is kept as evidence. */
export const verifyGoSum = defineTask({
  step: 'verify-go-sum',
  input: z.strictObject({ step: z.literal('verify-go-sum'), run: RunContext, snapshot: EvidenceRef }),
  output: z.strictObject({ check: CheckRecord }),
  async run(deps: VerifyGoSumDeps, { run: { tenant }, snapshot: reference }) {
    const { worm } = deps;
    const snapshot = await loadJsonEvidence(worm, tenant, reference, SourceSnapshot);
    const { module, zipH1, goModH1, goMod, goSum, source, tag, commit } = snapshot;
    const { reasons, lines, release, head } = await verifyModuleHashes(deps, {
      goMod: await loadEvidence(worm, tenant, goMod),
      goSum: goSum && (await loadEvidence(worm, tenant, goSum)),
      released: { ...module, zipH1, goModH1, published: source === 'module-proxy' },
    });
    const headNote = head && (await keepEvidence(worm, tenant, 'tree-head', 'text/plain', Buffer.from(head.note)));
    const check = await keepReport(worm, tenant, {
      check: 'verify-go-sum',
      subjects: [{ name: `${module.path}@${module.version}`, digest: { goModuleH1: h1Hex(zipH1) } }],
      reasons: [...reasons],
      evidence: [reference, goMod, ...(goSum ? [goSum] : []), ...(headNote ? [headNote] : [])],
      change: { commit, tag, module: `${module.path}@${module.version}` },
      details: z.json().parse({
        release: { module: module.path, version: module.version, zipH1, goModH1, ...release },
        lines,
        ...(head ? { database: head } : {}),
      }),
    });
    return { check };
  },
});
