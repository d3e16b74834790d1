import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { h1Hex } from '../gosum/dirhash.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { SourceFacts } from '../source/source-facts.ts';
import { defineTask, RunContext } from '../task.ts';
import { notChecked } from './vendor-folder.ts';
import { type VendorVerification, type VerifyVendoredDeps, verifyVendored } from './verify-vendored.ts';

export interface VerifyVendorDeps extends VerifyVendoredDeps {
  readonly worm: WormStore;
}

const withoutFacts: VendorVerification = {
  reasons: [
    notChecked(
      'source-snapshot',
      'facts of the source tree',
      'a snapshot from before there were any',
      'Start the release again.',
    ),
  ],
  folders: [],
};

/** A module zip has no vendored code, whatever its go line left of `vendor/modules.txt`: nobody builds with it. */
async function verify(
  deps: VerifyVendorDeps,
  tenant: TenantId,
  { facts, source }: SourceSnapshot,
): Promise<VendorVerification> {
  if (source === 'module-proxy') return { reasons: [], folders: [] };
  return facts ? verifyVendored(deps, await loadJsonEvidence(deps.worm, tenant, facts, SourceFacts)) : withoutFacts;
}

/** Verifies the vendored code of a release; one without a vendor folder passes, and its report says so. */
export const verifyVendor = defineTask({
  step: 'verify-vendor',
  input: z.strictObject({ step: z.literal('verify-vendor'), run: RunContext, snapshot: EvidenceRef }),
  output: z.strictObject({ check: CheckRecord }),
  async run(deps: VerifyVendorDeps, { run: { tenant }, snapshot: reference }) {
    const { worm } = deps;
    const snapshot = await loadJsonEvidence(worm, tenant, reference, SourceSnapshot);
    const { module, zipH1, tag, commit, facts } = snapshot;
    const { reasons, folders } = await verify(deps, tenant, snapshot);
    const name = `${module.path}@${module.version}`;
    const check = await keepReport(worm, tenant, {
      check: 'verify-vendor',
      subjects: [{ name, digest: { goModuleH1: h1Hex(zipH1) } }],
      reasons: [...reasons],
      evidence: [reference, ...(facts ? [facts] : [])],
      change: { commit, tag, module: name },
      details: z.json().parse({ vendored: folders.length > 0, folders }),
    });
    return { check };
  },
});
