import * as z from 'zod';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, keepEvidence, loadEvidence, loadJsonEvidence } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { SourceFacts } from '../source/source-facts.ts';
import { keepContradictions } from '../sumdb/evidence.ts';
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
    const verified = await verifyModuleHashes(deps, {
      goMod: await loadEvidence(worm, tenant, goMod),
      goSum: goSum && (await loadEvidence(worm, tenant, goSum)),
      released: { ...module, zipH1, goModH1, published: source === 'module-proxy' },
      ...(snapshot.facts ? { facts: await loadJsonEvidence(worm, tenant, snapshot.facts, SourceFacts) } : {}),
    });
    const { reasons, warnings, lines, needs, release, head, pinned } = verified;
    const shown = await keepContradictions(worm, tenant, verified.evidence);
    const headNote = head && (await keepEvidence(worm, tenant, 'tree-head', 'text/plain', Buffer.from(head.note)));
    const check = await keepReport(worm, tenant, {
      check: 'verify-go-sum',
      subjects: [{ name: `${module.path}@${module.version}`, digest: { goModuleH1: h1Hex(zipH1) } }],
      reasons: [...reasons],
      ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
      evidence: [reference, goMod, ...(goSum ? [goSum] : []), ...(headNote ? [headNote] : []), ...shown],
      change: { commit, tag, module: `${module.path}@${module.version}` },
      details: z.json().parse({
        release: { module: module.path, version: module.version, zipH1, goModH1, ...release },
        lines,
        needs,
        ...(pinned === undefined ? {} : { pinned }),
        // Not when the head was first seen: a step that runs again says the same.
        ...(head ? { database: { log: head.log, size: head.size, note: head.note } } : {}),
      }),
    });
    return { check };
  },
});
