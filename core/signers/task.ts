import * as z from 'zod';
import type { TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence, sha256Hex } from '../evidence.ts';
import { parsePolicy } from '../gate/read-policy.ts';
import { h1Hex } from '../gosum/dirhash.ts';
import type { Clock } from '../ports/clock.ts';
import type { SourceHost } from '../ports/source-host.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { SourceSnapshot } from '../source/snapshot.ts';
import { defineTask, RunContext } from '../task.ts';
import { type JudgedTag, judgeTag } from './judge-tag.ts';
import type { SignerPolicy } from './signer-policy.ts';

export interface CheckTagSignerDeps {
  readonly worm: WormStore;
  readonly clock: Pick<Clock, 'now'>;
  /** The tenant's policy document as text; `undefined` when it has none. */
  policies(tenant: TenantId): Promise<string | undefined>;
  sourceHosts(tenant: TenantId, host: string, repository: string): { host: SourceHost };
}

/** A source without git objects shows nobody's signature: refused where the policy asks for one. */
function notShown(tag: string, policy: SignerPolicy | undefined): JudgedTag {
  const reason = {
    code: 'source.unsigned',
    where: tag,
    expected: 'a signed tag',
    found: 'a source that cannot show tags',
    fix: 'Fetch the repository by git, or ask for no signature.',
  };
  return policy?.tags === 'refuse' ? { reasons: [reason], warnings: [] } : { reasons: [], warnings: [reason] };
}

/**
 * Judges who signed the tag of a release. Objects of git hold names of people, so they are read where they are and only
 * their digests are kept; the signer is told by its key.
 */
export const checkTagSigner = defineTask({
  step: 'check-tag-signer',
  input: z.strictObject({ step: z.literal('check-tag-signer'), run: RunContext, snapshot: EvidenceRef }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm, clock, policies, sourceHosts }: CheckTagSignerDeps, { run: { tenant }, snapshot: reference }) {
    const snapshot = await loadJsonEvidence(worm, tenant, reference, SourceSnapshot);
    const { repository, tag, commit, module, zipH1 } = snapshot;
    const text = await policies(tenant);
    const policy = text === undefined ? undefined : parsePolicy(text)?.signers;
    const raw = await sourceHosts(tenant, repository.host, repository.name).host.rawTag(tag);
    const moved = raw && raw.commit !== commit;
    const judged: JudgedTag = moved
      ? { reasons: [{ code: 'source.tag-moved', where: tag, expected: commit, found: raw.commit }], warnings: [] }
      : raw
        ? judgeTag({ ...raw, name: tag }, policy, clock.now())
        : notShown(tag, policy);
    const { reasons, warnings, signer } = judged;
    const check = await keepReport(worm, tenant, {
      check: 'check-tag-signer',
      subjects: [{ name: `${module.path}@${module.version}`, digest: { goModuleH1: h1Hex(zipH1) } }],
      reasons: [...reasons],
      ...(warnings.length > 0 ? { warnings: [...warnings] } : {}),
      evidence: [reference],
      change: { commit, tag, module: `${module.path}@${module.version}` },
      details: z.json().parse({
        ...(signer ? { signer } : {}),
        ...(raw ? { commitObjectSha256: sha256Hex(raw.commitObject) } : {}),
        ...(raw?.tagObject ? { tagObjectSha256: sha256Hex(raw.tagObject) } : {}),
      }),
    });
    return { check };
  },
});
