import * as z from 'zod';
import { OciDigest, type TenantId } from '../../events/fields.ts';
import { CheckRecord, keepReport } from '../check.ts';
import { EvidenceRef, loadJsonEvidence } from '../evidence.ts';
import { Fault } from '../faults.ts';
import type { Registry } from '../ports/registry.ts';
import type { Signer } from '../ports/signer.ts';
import type { WormStore } from '../ports/worm-store.ts';
import { defineTask, RunContext } from '../task.ts';
import type { Refusal } from '../verdict.ts';
import { keyIdOf } from './dsse.ts';
import { SignatureRecord } from './signature-record.ts';
import { verifyListedSignature } from './verify.ts';

export interface VerifySignatureDeps {
  readonly worm: WormStore;
  /** Its public key only: what a stranger would be given. */
  readonly signer: Pick<Signer, 'publicKey'>;
  registries(tenant: TenantId, host: string, repository: string): Promise<Registry>;
}

/** Reads every signature of a release back from the registry and verifies it with the public key alone. */
export const verifySignature = defineTask({
  step: 'verify-signature',
  input: z.strictObject({
    step: z.literal('verify-signature'),
    run: RunContext,
    digest: OciDigest,
    signature: EvidenceRef,
  }),
  output: z.strictObject({ check: CheckRecord }),
  async run({ worm, signer, registries }: VerifySignatureDeps, { run: { tenant }, digest, signature }) {
    const record = await loadJsonEvidence(worm, tenant, signature, SignatureRecord);
    if (record.digest !== digest)
      throw new Fault('InputInvalid', `the signature is of ${record.digest}, not ${digest}`);
    const spki = await signer.publicKey();
    const registry = await registries(tenant, record.repository.host, record.repository.name);
    const reasons: Refusal[] = [];
    for (const { digest: signed, manifestDigest } of [record, ...record.platforms]) {
      const image = { repository: registry.repository, digest: signed, annotation: 'required' as const };
      const finding = await verifyListedSignature(registry, image, manifestDigest, spki);
      if (finding.kind === 'refused') reasons.push(...finding.reasons);
    }
    const check = await keepReport(worm, tenant, {
      check: 'verify-signature',
      subjects: [{ name: registry.repository, digest: { sha256: digest.slice('sha256:'.length) } }],
      reasons,
      evidence: [signature],
      details: { keyId: keyIdOf(spki), signatures: 1 + record.platforms.length },
    });
    return { check };
  },
});
