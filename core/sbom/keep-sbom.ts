import type { TenantId } from '../../events/fields.ts';
import { type CheckRecord, keepReport, type Subject } from '../check.ts';
import { type EvidenceRef, keepEvidence } from '../evidence.ts';
import type { WormStore } from '../ports/worm-store.ts';
import type { Refusal } from '../verdict.ts';
import type { Bill } from './bill.ts';
import { CYCLONEDX_MEDIA_TYPE, cycloneDx } from './cyclonedx.ts';
import { SPDX_MEDIA_TYPE, spdx } from './spdx.ts';

/** What a maker of bills answers: the bill, whole or not, and why it is not. */
export interface BillFinding {
  readonly bill: Bill;
  readonly reasons: readonly Refusal[];
}

/** Keeps both documents and the report on them. An incomplete bill is kept too: it shows what was seen. */
export async function keepSbom(
  worm: WormStore,
  tenant: TenantId,
  step: 'make-source-sbom' | 'make-image-sbom',
  { bill, reasons }: BillFinding,
  about: { subject: Subject; from: readonly EvidenceRef[] },
): Promise<CheckRecord> {
  const documents = [
    await keepEvidence(worm, tenant, 'sbom-cyclonedx', CYCLONEDX_MEDIA_TYPE, cycloneDx(bill)),
    await keepEvidence(worm, tenant, 'sbom-spdx', SPDX_MEDIA_TYPE, spdx(bill)),
  ];
  return keepReport(worm, tenant, {
    check: step,
    subjects: [about.subject],
    reasons: [...reasons],
    evidence: [...documents, ...about.from],
    details: { components: bill.components.length },
  });
}
